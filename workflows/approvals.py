"""Decisions on approvals: policy evaluated at the moment of the click, then one compare-and-set.

The same rules for Slack, console and command line. Whatever cannot be looked up denies. Every refusal is audited
with its reason, and the answer to whoever clicked says who may decide instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agents import replies
from agents.ports import Sessions
from security import policies, redaction
from security.ports import AuditLog, RoleBindings
from security.subjects import Person
from workflows import cards, deciding, events, integrity, ports, runs
from workflows.planner import Planner
from workflows.runs import Decision, RunState, Use

ALTERED = (
    "What is stored of this request was altered after it was made, so it cannot be approved and nothing was changed. "
    "Tell whoever looks after security; to have it done, ask again."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a decision took effect. *reply* is for the decider alone."""

    accepted: bool
    reply: replies.Reply


class Decisions:
    def __init__(
        self,
        *,
        store: ports.Runs,
        approvals: ports.Approvals,
        sessions: Sessions,
        bindings: RoleBindings,
        audit_log: AuditLog,
        planner: Planner,
        placing: ports.Placing,
        dispatcher: ports.Dispatcher,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._approvals = approvals
        self._sessions = sessions
        self._bindings = bindings
        self._audit = audit_log
        self._planner = planner
        self._placing = placing
        self._dispatcher = dispatcher
        self._clock = clock

    async def decide(
        self,
        *,
        run_id: str,
        person_id: str,
        decision: Literal["approved", "rejected"],
        surface: str,
        reason: str = "",
    ) -> Verdict:
        """Approve or reject; exactly one decision ever takes effect. The requester may always withdraw."""
        run = await self._store.get(run_id)
        if run is None or run.approval is None:
            return Verdict(False, replies.error("This request is not known here."))
        if run.approval.decision is not Decision.PENDING:
            return await self._refuse(run, person_id, surface, "already_decided", _decided(run))
        if self._clock() >= run.approval.expires_at:
            await self.expire(run.approval)
            return await self._refuse(run, person_id, surface, "expired", replies.error("This request has expired."))
        if integrity.altered(run):
            return await self._refuse(run, person_id, surface, "plan_altered", replies.error(ALTERED))
        ruled, refusal = await self._rule(run, person_id, decision)
        if refusal is not None:
            reply = replies.error(refusal.reason, next_step=replies.text(refusal.who_may))
            return await self._refuse(run, person_id, surface, refusal.code, reply)
        return await self._settle(run, ports.Ruling(ruled, person_id, self._clock(), redaction.redact(reason)), surface)

    async def approvers(self, run: runs.Run) -> Sequence[Person]:
        """Who may decide now."""
        everyone = await self._bindings.everyones_permissions(run.plan.workspace_id)
        able = set(deciding.deciders(run.plan, self._planner.ruling(run.plan), everyone))
        return [person for person in await self._bindings.people() if person.id in able]

    async def expire(self, approval: runs.Approval) -> None:
        """The timer of an approval is due: nobody decided, or an approved run was not begun in time."""
        run = await self._store.get(approval.run_id)
        if run is None or run.approval is None:
            return
        now = self._clock()
        if run.approval.decision is Decision.PENDING:
            summary = (
                f"{run.plan.title}: nobody decided in time, so nothing was changed. Ask again if it is still wanted."
            )
            event = events.of_run(run, "approval_expired", actor="hexa", outcome="expired", at=now)
            ruling = ports.Ruling(Decision.EXPIRED, "", now)
            messages = await self._closing(run, summary)
            await self._approvals.decide(run.approval.id, ruling, events=[event], messages=messages)
        elif run.approval.use is Use.UNUSED:
            await self.void(run, use=Use.LAPSED, reason="It was approved but could not be begun in time.")

    async def void(self, run: runs.Run, *, use: Use, reason: str, **details: object) -> bool:
        """End an approved run that was not begun; told wherever it was shown."""
        if run.approval is None:
            return False
        kind = "approval_lapsed" if use is Use.LAPSED else "approval_void"
        event = events.of_run(run, kind, actor="hexa", outcome=use.value, at=self._clock(), reason=reason, **details)
        messages = await self._closing(run, f"{run.plan.title}: {reason} Nothing was changed.")
        return await self._approvals.void(
            run.approval.id, use=use, reason=reason, at=self._clock(), events=[event], messages=messages
        )

    async def _rule(self, run: runs.Run, person_id: str, decision: str) -> tuple[Decision, policies.Refusal | None]:
        if decision == "rejected" and person_id == run.plan.requester_id:
            return Decision.CANCELLED, None
        held = await self._bindings.permissions_of(person_id, run.plan.workspace_id)
        ruling = self._planner.ruling(run.plan)
        refusal = deciding.refusal_of(run.plan, ruling, decider=person_id, permissions=held)
        return Decision.APPROVED if decision == "approved" else Decision.REJECTED, refusal

    async def _settle(self, run: runs.Run, ruling: ports.Ruling, surface: str) -> Verdict:
        approved = ruling.decision is Decision.APPROVED
        held = await self._bindings.permissions_of(ruling.by, run.plan.workspace_id)
        event = events.of_run(
            run,
            f"approval_{ruling.decision.value}",
            actor=ruling.by,
            outcome=ruling.decision.value,
            at=ruling.at,
            reason=ruling.reason,
            surface=surface,
            permissions=list(held),
            operations=list(run.plan.operation_digests),
        )
        messages = [] if approved else await self._closing(run, _refusal_summary(run, ruling))
        assert run.approval is not None  # noqa: S101 - decide() checked it
        if not await self._approvals.decide(run.approval.id, ruling, events=[event], messages=messages):
            current = await self._store.get(run.id)
            return await self._refuse(run, ruling.by, surface, "already_decided", _decided(current or run))
        if approved:
            self._dispatcher.advance(run.id)
        words = {Decision.APPROVED: "Approved: ", Decision.REJECTED: "Rejected: ", Decision.CANCELLED: "Withdrawn: "}
        return Verdict(True, replies.reply(words[ruling.decision], replies.bold(run.plan.title)))

    async def _refuse(self, run: runs.Run, person_id: str, surface: str, reason: str, reply: replies.Reply) -> Verdict:
        event = events.of_run(
            run,
            "decision_refused",
            actor=person_id,
            outcome="denied",
            at=self._clock(),
            reason=reason,
            surface=surface,
        )
        await self._audit.append(event)
        return Verdict(False, reply)

    async def _closing(self, run: runs.Run, summary: str) -> Sequence[ports.Message]:
        session = await self._sessions.get(run.session_id)
        if session is None:
            return []
        return self._placing.outcome(run, session, cards.outcome(run, state=RunState.ENDED, summary=summary))


def _refusal_summary(run: runs.Run, ruling: ports.Ruling) -> str:
    word = "withdrawn by the requester" if ruling.decision is Decision.CANCELLED else f"rejected by {ruling.by}"
    because = f": {ruling.reason}" if ruling.reason else ""
    return f"{run.plan.title} was {word}{because}. Nothing was changed."


def _decided(run: runs.Run) -> replies.Reply:
    approval = run.approval
    if approval is None or not approval.decided_by:
        return replies.error("This was decided already; nothing more happens by this click.")
    return replies.error(
        "This was already ",
        approval.decision.value,
        " by ",
        replies.mention(approval.decided_by),
        "; your click changed nothing.",
    )
