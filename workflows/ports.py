"""What workflows need stored and driven: inbox, messages (with card locations), runs, approvals, dispatch.

Every method that writes is one transaction and says what it compares before it sets. Implemented by storage (SQL)
and by in-memory fakes; both pass the same contract tests.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from agents import replies
from agents.ports import Session
from security import audit
from workflows import runs

# --- inbox -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboxItem:
    """Something accepted from a surface. *keys* are all identities it is known by: the same event again, or the
    same message under another event id, shares one of them. *lane* orders: one item of a lane at a time.
    """

    id: str
    lane: str
    kind: str  # message | command | action | submission | home
    keys: tuple[str, ...]
    payload: Mapping[str, Any]
    received_at: datetime
    attempts: int = 0


class Inbox(Protocol):
    async def accept(self, item: InboxItem) -> bool:
        """Durably store; False when any of its keys was seen before, and then nothing is stored.
        Calls that wait at the same time share a commit.
        """

    async def lanes(self) -> Sequence[str]:
        """Lanes that have unfinished items."""

    async def take(self, lane: str) -> InboxItem | None:
        """The oldest unfinished item of a lane, with its attempts counted up; it stays until finished."""

    async def finish(self, item_id: str, *, outcome: str) -> None:
        """Mark as done (or ``dead``, ``ignored``); its payload is dropped, its keys stay for deduplication."""


# --- messages Hexa posts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes. ``{"kind": "thread", team, channel, thread_ts}``, ``{"kind": "person", ...}`` or what
    else a surface defines; opaque to workflows.
    """

    surface: str
    address: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """A message Hexa posts, as a row: created once by *key*, shown when *shown* reaches *wanted*.

    *kind* ``reply`` has its *body* (a serialised Reply); ``card`` shows run *run_id* in its current state, *role*
    says to whom (``approver`` with buttons, ``requester`` without). *ref* is the surface's id once posted.
    """

    id: str
    key: str
    kind: Literal["reply", "card"]
    place: Place
    body: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    role: str = ""
    ref: Mapping[str, str] | None = None
    wanted: int = 1
    shown: int = 0
    attempts: int = 0
    sending: bool = False  #: an attempt to post began and its end was not recorded


class Messages(Protocol):
    async def add(self, *messages: Message) -> None:
        """Store those whose key is new, in order, in one transaction."""

    async def due(self, surface: str, now: datetime, *, limit: int = 50) -> Sequence[Message]:
        """Messages of a surface with shown < wanted, not given up, and not put off beyond *now*; oldest first.
        For a card, wanted is the version of its run.
        """

    async def next_due(self, surface: str) -> datetime | None:
        """When the next message that was put off becomes due."""

    async def begin(self, message_id: str) -> None:
        """Record that posting begins, before the call."""

    async def shown(self, message_id: str, *, version: int, ref: Mapping[str, str]) -> None: ...

    async def put_off(self, message_id: str, *, until: datetime, error: str) -> None: ...

    async def give_up(self, message_id: str, *, error: str) -> None: ...

    async def expand(self, message_id: str, into: Sequence[Message]) -> None:
        """Replace a message to be resolved (such as "every approver") by the resolved ones, in one transaction."""

    async def at(self, surface: str, ref: Mapping[str, str]) -> Message | None:
        """The message posted at this reference, or None: a click from elsewhere is not accepted."""

    async def cards(self, run_id: str) -> Sequence[Message]: ...


class Placing(Protocol):
    """Where a surface shows things; pure, whatever needs a look-up is resolved when the message is delivered."""

    def cards(self, run: runs.Run, session: Session) -> Sequence[Message]:
        """The card messages of a new run: for its requester and for those who may decide."""

    def outcome(self, run: runs.Run, session: Session, reply: replies.Reply) -> Sequence[Message]:
        """The closing message of a run, in the conversation it came from."""


# --- runs and approvals ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How an attempt ended. *retry_at* set means: failed, but try again then."""

    outcome: Literal["done", "failed", "in_doubt"]
    detail: str
    result: Mapping[str, Any] = field(default_factory=dict)
    error_code: str = ""
    retry_at: datetime | None = None


class StaleEpochError(Exception):
    """Another worker has taken over this run; whatever this one does now affects nothing."""


class Runs(Protocol):
    """Runs, steps and attempts. Writes with an *epoch* raise StaleEpochError when it is no longer the run's."""

    async def create(
        self, run: runs.Run, *, messages: Sequence[Message], events: Sequence[audit.Event]
    ) -> tuple[runs.Run, bool]:
        """Store run, steps, approval, its card messages, audit events and expiry timer in one transaction.
        When a run with this id exists, nothing is written and that one is returned with False.
        """

    async def get(self, run_id: str) -> runs.Run | None: ...

    async def claim(self, run_id: str) -> runs.Run | None:
        """Take over: raise the epoch and return the run as it is now. None when there is no such run."""

    async def unfinished(self) -> Sequence[str]:
        """Runs in state ready or running: what a start has to drive on."""

    async def consume(self, run_id: str, *, epoch: int, now: datetime, events: Sequence[audit.Event]) -> bool:
        """CAS approval approved/unused -> consumed and run ready -> running. False when it was not so."""

    async def begin(
        self, run_id: str, *, epoch: int, step_id: str, now: datetime, events: Sequence[audit.Event]
    ) -> int:
        """Write the intent of the next attempt of a step and set the step running; returns the attempt's number."""

    async def end(
        self,
        run_id: str,
        *,
        epoch: int,
        step_id: str,
        attempt: int,
        now: datetime,
        end: StepEnd,
        events: Sequence[audit.Event] = (),
    ) -> None:
        """Record the end of an attempt and the step's new state (pending with retry_at when it is to be retried)."""

    async def note(self, run_id: str, *, epoch: int, step_id: str, detail: str) -> None:
        """Progress of a step that is not over, or what it waits for; for the cards."""

    async def skip(self, run_id: str, *, epoch: int, step_ids: Sequence[str], reason: str) -> None: ...

    async def finish(
        self,
        run_id: str,
        *,
        epoch: int,
        state: runs.RunState,
        summary: str,
        now: datetime,
        messages: Sequence[Message] = (),
        events: Sequence[audit.Event] = (),
    ) -> None:
        """End the run with its summary and closing messages, in one transaction."""

    async def recent(self, workspace_id: str, *, limit: int = 20) -> Sequence[runs.Run]: ...


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision to be recorded on an approval."""

    decision: runs.Decision
    by: str
    at: datetime
    reason: str = ""


class Approvals(Protocol):
    async def get(self, approval_id: str) -> runs.Approval | None: ...

    async def decide(
        self, approval_id: str, ruling: Ruling, *, events: Sequence[audit.Event], messages: Sequence[Message] = ()
    ) -> bool:
        """CAS decision pending -> ruling.decision, run waiting -> ready (approved) or ended (anything else), and
        set the lapse timer. False, and nothing written, when it was decided before.
        """

    async def void(
        self,
        approval_id: str,
        *,
        use: runs.Use,
        reason: str,
        at: datetime,
        events: Sequence[audit.Event],
        messages: Sequence[Message] = (),
    ) -> bool:
        """CAS use unused -> void or lapsed and the run to ended."""

    async def waiting(self, workspace_id: str) -> Sequence[runs.Run]:
        """Runs that wait for a decision, oldest first."""

    async def due(self, now: datetime) -> Sequence[runs.Approval]:
        """Approvals whose timer (expiry while pending, lapse while approved and unused) is at or before *now*."""

    async def next_due(self) -> datetime | None: ...


# --- driving ---------------------------------------------------------------------------------------------------


class Dispatcher(Protocol):
    """Drives the state: idempotent verbs that only say "look at this"."""

    def turn(self, lane: str) -> None:
        """A lane has unfinished items; one turn at a time per lane."""

    def advance(self, run_id: str) -> None:
        """A run may be able to go on; one advance at a time per run."""

    def interrupt(self, subject: str) -> None:
        """Somebody asked to stop a lane or run; takes no lock."""


Drive = Callable[[str], Awaitable[None]]
