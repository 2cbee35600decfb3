"""Cards: what a run looks like at this moment, as a neutral reply. Pure; every surface renders the same card.

Buttons appear only while the decision is pending and only on an approver's card; the value of a button is the id
of the run, never a parameter.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from agents import replies
from controlplane.contract import models
from workflows import runs
from workflows.runs import Decision, RunState, StepState, Use

APPROVE, REJECT, DETAILS = "approval.approve", "approval.reject", "approval.details"

_STEP_STATES: Mapping[StepState, replies.StepStatus] = {
    StepState.PENDING: "waiting",
    StepState.RUNNING: "running",
    StepState.DONE: "done",
    StepState.FAILED: "failed",
    StepState.SKIPPED: "skipped",
    StepState.IN_DOUBT: "in_doubt",
}

_LEVELS: Mapping[RunState, replies.Level] = {
    RunState.SUCCEEDED: "success",
    RunState.ENDED: "info",
    RunState.NEEDS_HUMAN: "warning",
}


def card(run: runs.Run, *, role: str, now: datetime) -> replies.Reply:
    """The card of a run for an ``approver`` (buttons while pending) or its ``requester``."""
    waiting = run.state is RunState.WAITING
    elements: list[replies.Element] = [_facts(run), *_diffs(run.plan), *_warnings(run.plan)]
    if waiting:
        elements += _waiting(run, live=role == "approver" and not _expired(run, now))
    else:
        elements += _decided(run)
    return replies.Reply(title=run.plan.title, headline=_headline(run), elements=tuple(elements))


def details(run: runs.Run) -> replies.Reply:
    """Everything the approval covers, for the Details button: steps, parameters and digests."""
    rows = tuple(
        (step.id, step.agent, step.action, ", ".join(f"{key}={value}" for key, value in step.parameters.items()))
        for step in run.plan.steps
    )
    facts: list[tuple[str, replies.Text]] = [
        ("Run", replies.text(replies.code(run.id))),
        ("Plan digest", replies.text(replies.code(run.plan.digest))),
        ("Policy version", replies.text(replies.code(run.plan.policy_version))),
    ]
    for step in run.plan.steps:
        if step.preview:
            target = step.preview.target
            facts.append(("Operation digest", replies.text(replies.code(step.digest))))
            facts.append(("Object", replies.text(f"{target.kind} uid {target.uid}, generation {target.generation}")))
    return replies.reply(
        "What the approval of ",
        replies.bold(run.plan.title),
        " covers",
        elements=(
            replies.Facts(items=tuple(facts)),
            replies.Table(columns=("Step", "Agent", "Action", "Parameters"), rows=rows),
            *_diffs(run.plan),
        ),
    )


def outcome(run: runs.Run, *, state: RunState, summary: str) -> replies.Reply:
    """The closing message in the conversation: one sentence and, when it went wrong, what to do next."""
    level: replies.Level = _LEVELS.get(state, "error")
    word = {
        RunState.SUCCEEDED: "Done",
        RunState.FAILED: "Failed",
        RunState.NEEDS_HUMAN: "Needs a look",
        RunState.ENDED: "Not run",
    }.get(state, "")
    parts: tuple[replies.Span | str, ...] = (replies.bold(f"{word}: "), summary)
    if run.plan.requester_id:
        parts = (*parts, " (asked by ", replies.mention(run.plan.requester_id), ")")
    step = _next_step(run, state)
    elements = (replies.Notice(level=level, text=replies.text(step)),) if step else ()
    return replies.Reply(headline=replies.text(*parts), elements=elements)


def _next_step(run: runs.Run, state: RunState) -> str:
    plan = run.plan
    if state is RunState.NEEDS_HUMAN:
        return (
            f"The change may or may not have happened. Look at the object (ask: status in {plan.namespace}) before "
            "you ask for it again."
        )
    if state is RunState.FAILED:
        return f"To see why, ask: events in {plan.namespace}. Nothing is retried by itself after a failure."
    return ""


def _headline(run: runs.Run) -> replies.Text:
    requester = replies.mention(run.plan.requester_id)
    if run.state is RunState.WAITING:
        return replies.text(
            requester, " asks to ", replies.bold(_lower(run.plan.title)), ". Nothing runs until somebody approves."
        )
    if run.state in {RunState.READY, RunState.RUNNING}:
        return replies.text("Running: ", replies.bold(run.plan.title), ", asked by ", requester, ".")
    word = {RunState.SUCCEEDED: "Done", RunState.FAILED: "Failed", RunState.NEEDS_HUMAN: "Needs a look"}
    return replies.text(replies.bold(f"{word.get(run.state, 'Not run')}: "), run.summary or run.plan.title)


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def _facts(run: runs.Run) -> replies.Facts:
    plan = run.plan
    items: list[tuple[str, replies.Text]] = [
        (
            "Where",
            replies.text(replies.code(plan.namespace), " on ", replies.code(plan.cluster), f" ({plan.environment})"),
        ),
        ("Asked by", replies.text(replies.mention(plan.requester_id))),
        ("Runs as", replies.text(replies.mention(plan.requester_id), " through Hexa")),
    ]
    reasons = f": {'; '.join(plan.risk_reasons)}" if plan.risk_reasons else ""
    items.append(("Risk", replies.text(f"{plan.risk}{reasons}")))
    return replies.Facts(items=tuple(items))


def _diffs(plan: runs.Plan) -> Iterable[replies.Diff]:
    for step in plan.steps:
        if step.preview and step.preview.changes:
            target = step.preview.target
            lines = tuple(_diff_line(change) for change in step.preview.changes)
            yield replies.Diff(object=f"{target.kind} {target.namespace}/{target.name}", lines=lines)


def _diff_line(change: models.Change) -> replies.DiffLine:
    return replies.DiffLine(path=change.path, before=_value(change.before), after=_value(change.after))


def _value(value: object) -> str | None:
    return None if value is None else str(value)


def _warnings(plan: runs.Plan) -> Iterable[replies.Notice]:
    for warning in plan.warnings:
        yield replies.Notice(level="warning", text=replies.text(warning))


def _waiting(run: runs.Run, *, live: bool) -> list[replies.Element]:
    approval = run.approval
    if approval is None:
        return []
    elements: list[replies.Element] = [
        replies.Paragraph(text=_who_may(run)),
        replies.Moment(label="Expires", at=int(approval.expires_at.timestamp())),
    ]
    if live:
        elements.append(
            replies.Buttons(
                items=(
                    replies.Button(action=APPROVE, label=run.plan.verb, value=run.id, style="primary"),
                    replies.Button(action=REJECT, label="Reject", value=run.id),
                    replies.Button(action=DETAILS, label="Details", value=run.id),
                )
            )
        )
    return elements


def _expired(run: runs.Run, now: datetime) -> bool:
    return run.approval is not None and now >= run.approval.expires_at


def _who_may(run: runs.Run) -> replies.Text:
    names = _listed(run.plan.approvers)
    if not names:
        return replies.text(
            "Nobody can approve this now: no one holds ", replies.code(f"approvals.decide:{run.plan.namespace}"), "."
        )
    return replies.text("May approve: ", *names, ".")


def _listed(people: Sequence[str]) -> list[replies.Span | str]:
    parts: list[replies.Span | str] = []
    for index, person in enumerate(people):
        if index:
            parts.append(" or " if index == len(people) - 1 else ", ")
        parts.append(replies.mention(person))
    return parts


def _decided(run: runs.Run) -> list[replies.Element]:
    elements: list[replies.Element] = [replies.Paragraph(text=_decision(run))]
    if run.approval and run.approval.use in {Use.VOID, Use.LAPSED}:
        elements.append(
            replies.Notice(level="warning", text=replies.text(run.approval.reason or "The approval ended."))
        )
    began = any(step.state is not StepState.PENDING for step in run.steps)
    if began or run.state in {RunState.READY, RunState.RUNNING}:
        steps = tuple(
            replies.Step(
                title=planned.name, state=_STEP_STATES[run.step(planned.id).state], detail=run.step(planned.id).detail
            )
            for planned in run.plan.steps
        )
        elements.append(replies.Progress(title="Steps", steps=steps))
    return elements


def _decision(run: runs.Run) -> replies.Text:
    approval = run.approval
    if approval is None:
        return replies.text("No approval was needed.")
    if approval.decision is Decision.APPROVED and not approval.decided_by:
        return replies.text("Policy ", replies.code(approval.rules.rule), " asks for no approval.")
    if approval.decision is Decision.APPROVED:
        return replies.text("Approved by ", replies.mention(approval.decided_by), ".")
    if approval.decision is Decision.EXPIRED:
        return replies.text("Nobody decided in time; the request expired.")
    by: tuple[replies.Span | str, ...] = (" by ", replies.mention(approval.decided_by)) if approval.decided_by else ()
    reason = f": {approval.reason}" if approval.reason else "."
    return replies.text(approval.decision.value.capitalize(), *by, reason)
