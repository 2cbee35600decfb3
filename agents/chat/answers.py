"""Answers to reading commands: data from the control plane as neutral replies. Worst first, takeaway in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents import replies
from agents.chat.commands import VERBS, Unclear, Verb
from security.permissions import allows

MOST_ROWS = 40
HEALTHY_PODS = frozenset({"Running", "Completed", "Succeeded"})


def deployments(data: Mapping[str, Any], namespace: str) -> replies.Reply:
    items = sorted(data["items"], key=lambda one: (one["available"] >= one["desired"], one["name"]))
    if not items:
        return replies.reply("There are no deployments in ", replies.code(namespace), ".")
    bad = [one["name"] for one in items if one["available"] < one["desired"]]
    rows = [(one["name"], f"{one['available']}/{one['desired']}", one["state"], _images(one)) for one in items]
    head = (
        f"{len(bad)} of {len(items)} deployments lack ready pods: {_few(bad)}."
        if bad
        else f"All {len(items)} deployments have the pods they want."
    )
    table = _table(("Deployment", "Ready", "Rollout", "Image"), rows)
    return replies.reply(replies.code(namespace), ": ", head, elements=(table,))


def pods(data: Mapping[str, Any], namespace: str, name: str) -> replies.Reply:
    items = [one for one in data["items"] if not name or belongs(one, name)]
    about: tuple[str | replies.Span, ...] = (replies.code(name), " in ") if name else ()
    if not items:
        return replies.reply("There are no pods of ", *about, replies.code(namespace), ".")
    bad = [one for one in items if not _healthy(one)]
    items = sorted(items, key=lambda one: (_healthy(one), one["name"]))
    rows = [(one["name"], str(one["ready"]), str(one["status"]), str(one["restarts"])) for one in items]
    head = f"{len(bad)} of {len(items)} pods are not well." if bad else f"All {len(items)} pods are running."
    table = _table(("Pod", "Ready", "Status", "Restarts"), rows)
    return replies.reply(*about, replies.code(namespace), ": ", head, elements=(table,))


def status(data: Mapping[str, Any]) -> replies.Reply:
    words = {"complete": "healthy", "progressing": "rolling out", "failed": "failing"}
    state = words.get(str(data["state"]), str(data["state"]))
    if data["state"] == "complete" and data["available"] < data["desired"]:
        state = "short of ready pods"
    facts = replies.Facts(
        items=(
            ("Ready", replies.text(f"{data['available']} of {data['desired']}")),
            ("Updated", replies.text(f"{data['updated']} of {data['desired']}")),
            ("Image", replies.text(replies.code(_images(data)))),
            ("Generation", replies.text(str(data["generation"]))),
        )
    )
    because = f" ({data['reason']})" if data.get("reason") and data["state"] != "complete" else ""
    head = f" is {state}{because}: {data['available']} of {data['desired']} replicas ready."
    where = f" in {data['namespace']}"
    return replies.reply(replies.bold(data["name"]), where, head, elements=(facts,))


def logs(data: Mapping[str, Any], pod: str, *, previous: bool) -> replies.Reply:
    lines: Sequence[str] = data["lines"]
    which = "previous container" if previous else "container"
    if not lines:
        hint = (
            ()
            if previous
            else (replies.Paragraph(text=replies.text("If it has restarted, add ", replies.code("--previous"), ".")),)
        )
        return replies.reply(replies.code(pod), f" has written no log lines ({which}).", elements=hint)
    cut = ", earlier ones were left out" if data.get("truncated") else ""
    block = replies.CodeBlock(content="\n".join(lines), title=f"{pod}.log")
    head = f": the last {len(lines)} lines of the {which}{cut}."
    return replies.reply("Logs of ", replies.code(pod), head, elements=(block,))


def events(data: Mapping[str, Any], namespace: str, name: str) -> replies.Reply:
    items = [one for one in data["items"] if not name or name in str(one["object"])]
    if not items:
        about = f" about {name}" if name else ""
        return replies.reply("The cluster reports no events", about, " in ", replies.code(namespace), ".")
    warnings = sum(1 for one in items if one["type"] == "Warning")
    newest = list(reversed(items))
    rows = [(str(one["object"]), str(one["reason"]), f"{one['count']}x", str(one["message"])) for one in newest]
    head = f"{len(items)} events, {warnings} of them warnings, newest first."
    return replies.reply(
        replies.code(namespace), ": ", head, elements=(_table(("Object", "Reason", "Count", "Message"), rows),)
    )


def whoami(user_id: str, workspace_id: str, permissions: Sequence[str]) -> replies.Reply:
    held = "\n".join(permissions) or "none"
    block = replies.CodeBlock(content=held, title="permissions")
    return replies.reply(
        "You are ", replies.bold(user_id), " in workspace ", replies.code(workspace_id), ".", elements=(block,)
    )


def helping(topic: str, permissions: Sequence[str]) -> replies.Reply:
    """What the caller may do; a command nobody of their rights could run is not offered."""
    able = [verb for verb in VERBS if not verb.permission or _holds_somewhere(permissions, verb.permission)]
    chosen = [verb for verb in able if verb.name == topic or topic in verb.aliases]
    if topic and chosen:
        return _usage(chosen[0])
    rows = [(verb.usage, verb.summary) for verb in able]
    note = replies.Paragraph(
        text=replies.text("Changes run only after somebody approves the card that shows exactly what will happen.")
    )
    head = "Ask me in plain words or with these commands, in a message, a mention or after /hexa."
    return replies.reply(head, title="What I can do", elements=(_table(("Command", "What it does"), rows), note))


def unclear(problem: Unclear) -> replies.Reply:
    parts: list[str | replies.Span] = []
    if problem.suggestions:
        parts.append("Did you mean ")
        for index, word in enumerate(problem.suggestions):
            parts += [" or "] * bool(index) + [replies.code(word)]
        parts.append("? ")
    if problem.example:
        parts += ["For example: ", replies.code(problem.example)]
    elif not problem.suggestions:
        parts += ["Say ", replies.code("help"), " to see what I can do."]
    return replies.error(problem.question, next_step=replies.text(*parts))


def belongs(pod: Mapping[str, Any], name: str) -> bool:
    """Whether a pod is the one named or is one of a workload of that name."""
    return pod["name"] == name or str(pod["name"]).startswith(f"{name}-")


def worst_first(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(items, key=lambda one: (_healthy(one), -int(one["restarts"]), one["name"]))


def _healthy(pod: Mapping[str, Any]) -> bool:
    if pod["status"] not in HEALTHY_PODS:
        return False
    ready, _, total = str(pod["ready"]).partition("/")
    return ready == total or pod["status"] != "Running"


def _holds_somewhere(permissions: Sequence[str], action: str) -> bool:
    return any(allows([held], f"{action}:{held.partition(':')[2] or '*'}") for held in permissions)


def _usage(verb: Verb) -> replies.Reply:
    also = f"Also: {', '.join(verb.aliases)}." if verb.aliases else ""
    return replies.reply(
        replies.code(verb.usage),
        ": ",
        verb.summary,
        ".",
        elements=(replies.Paragraph(text=replies.text(also)),) if also else (),
    )


def _images(data: Mapping[str, Any]) -> str:
    return ", ".join(data.get("images") or ()) or "none"


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> replies.Table:
    return replies.Table(columns=columns, rows=tuple(rows[:MOST_ROWS]), more=max(0, len(rows) - MOST_ROWS))
