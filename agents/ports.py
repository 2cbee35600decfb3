"""What agents need from outside: sessions, and somebody who runs workflows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from security.subjects import SecurityContext


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """What the conversation is about: defaults for what a message leaves out. Never guessed for a change."""

    cluster: str = ""
    namespace: str = ""
    deployments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a session and who said it."""

    author: Literal["user", "hexa"]
    content: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation. The id is opaque; *surface* and *key* say where it takes place (``slack``, ``T1:C1:1.2``)."""

    id: str
    surface: str
    key: str
    workspace_id: str
    working: WorkingSet = WorkingSet()


class Sessions(Protocol):
    async def open(self, *, surface: str, key: str, workspace_id: str) -> Session:
        """Find or create; two concurrent calls get the same session."""

    async def find(self, *, surface: str, key: str) -> Session | None: ...

    async def get(self, session_id: str) -> Session | None: ...

    async def append(self, session_id: str, turns: Sequence[Turn], *, working: WorkingSet | None = None) -> None:
        """Add turns and, when given, replace the working set, in one transaction."""

    async def alias(self, session_id: str, *, surface: str, key: str) -> None:
        """The session is also known by this key from now on (the first message posted opened a thread)."""

    async def history(self, session_id: str, *, limit: int) -> Sequence[Turn]:
        """The last turns, oldest first."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a request applies. *cluster* empty means the workspace's only or default cluster."""

    cluster: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A workflow to start. *trigger* makes it happen once: the same trigger finds the same run."""

    workflow: str
    parameters: Mapping[str, Any]
    scope: Scope
    trigger: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A run was created (or found again). *waiting* tells that it waits for approval."""

    run_id: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was created. *message* names the cause, *next_step* what to do; *code* is a specification code."""

    code: str
    message: str
    next_step: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class WorkflowRunner(Protocol):
    """Starts workflows: plans, previews and asks for approval. Implemented by workflows."""

    def names(self) -> Sequence[str]: ...

    async def start(self, request: Request, context: SecurityContext) -> Started | Refused: ...
