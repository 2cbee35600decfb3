"""Each element of a reply as blocks that every Slack client shows: sections, contexts, preformatted text, buttons.

Verbatim text and tables become preformatted rich text, which Slack does not parse; everything else is mrkdwn with
escaped spans. *Allowance* bounds what one element may take, so that a message as a whole stays below Slack's limit;
what is left out is always said.
"""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agents import replies
from bot.views import mrkdwn
from bot.views.mrkdwn import Mentions, escaped, shortened, visible

Block = dict[str, Any]

_NOTICES = {
    "info": ":information_source: *Note:*",
    "success": ":white_check_mark: *Done:*",
    "warning": ":warning: *Warning:*",
    "error": ":x: *Problem:*",
}
_STEPS = {
    "waiting": ":white_circle: Waiting:",
    "running": ":hourglass_flowing_sand: Running:",
    "done": ":white_check_mark: Done:",
    "failed": ":x: Failed:",
    "skipped": ":fast_forward: Skipped:",
    "in_doubt": ":grey_question: In doubt:",
}
FIELDS = 10
FIELD = 2000
CELL = 60
COLUMNS = 20
ROWS = 100
LABEL = 75
BUTTONS = 25


def blocks(element: replies.Element, mentions: Mentions, *, allowance: int, name: str) -> list[Block]:
    """*element* as blocks of at most about *allowance* characters; *name* makes the ids of its buttons unique."""
    match element:
        case replies.Paragraph():
            return [section(text) for text in _within(mrkdwn.sections(element.text, mentions), allowance)]
        case replies.Facts():
            return _facts(element, mentions, allowance)
        case replies.Table():
            return _table(element, allowance)
        case replies.CodeBlock():
            return _code(element, allowance)
        case replies.Diff():
            return _diff(element, allowance)
        case replies.Notice():
            return _notice(element, mentions)
        case replies.Progress():
            return _progress(element, allowance)
        case replies.Moment():
            return [context(moment(element))]
        case replies.Buttons():
            return _buttons(element, name)


def section(text: str) -> Block:
    return {"type": "section", "text": _text(text)}


def context(text: str) -> Block:
    return {"type": "context", "elements": [_text(text)]}


def header(title: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": shortened(visible(title), 150), "emoji": False}}


def moment(element: replies.Moment) -> str:
    at = datetime.fromtimestamp(element.at, UTC)
    shown = f"<!date^{element.at}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"
    return f"{escaped(shortened(element.label, 200))}: {shown}"


def _text(text: str) -> dict[str, Any]:
    """Mrkdwn that links nothing by itself: an address in a log line must not become a link."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _within(parts: Sequence[str], allowance: int) -> list[str]:
    kept: list[str] = []
    for part in parts:
        if kept and sum(map(len, kept)) + len(part) > allowance:
            return [*kept, "… (shortened)"]
        kept.append(part)
    return kept


def _facts(facts: replies.Facts, mentions: Mentions, allowance: int) -> list[Block]:
    each = max(120, min(FIELD, allowance // max(1, len(facts.items))))
    fields = []
    for label, value in facts.items:
        head = f"*{escaped(shortened(label, 100))}*\n"
        fields.append(_text(head + (mrkdwn.line(value, mentions, limit=each - len(head)) or "-")))
    return [{"type": "section", "fields": fields[at : at + FIELDS]} for at in range(0, len(fields), FIELDS)]


def _table(table: replies.Table, allowance: int) -> list[Block]:
    columns = tuple(_cell(each) for each in table.columns[:COLUMNS])
    rows = [tuple(_cell(each) for each in row[:COLUMNS]) for row in table.rows[:ROWS]]
    widths = [max([_width(c) for c in column] or [0]) for column in zip(columns, *rows, strict=False)]
    lines = [_aligned(columns, widths), *(_aligned(row, widths) for row in rows)]
    shown = _first_lines(lines, allowance)
    left_out = table.more + len(table.rows) - (len(shown) - 1)
    made = [preformatted("\n".join(shown))]
    return [*made, context(f"{left_out} more not shown")] if left_out > 0 else made


def _first_lines(lines: Sequence[str], allowance: int) -> list[str]:
    """At least the heading, then as many lines as fit."""
    kept, used = [lines[0]], len(lines[0])
    for each in lines[1:]:
        used += len(each) + 2  # a line break takes two characters on the wire
        if used > allowance:
            break
        kept.append(each)
    return kept


def _cell(value: str) -> str:
    return shortened(" ".join(visible(value).split()), CELL)


def _width(value: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in value)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=False))
    return "  ".join(cells).rstrip()


def preformatted(text: str) -> Block:
    inner = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text or " "}]}
    return {"type": "rich_text", "elements": [inner]}


def _code(code: replies.CodeBlock, allowance: int) -> list[Block]:
    content = visible(code.content).strip("\n")
    title = escaped(shortened(code.title, 200)).strip()
    made = [context(f"*{title}*")] if title else []
    if len(content) <= allowance:
        return [*made, preformatted(content)]
    # The end of output says how it ended, so the beginning is what goes.
    kept = content[-allowance:].partition("\n")[2] or content[-allowance:]
    hidden = content[: len(content) - len(kept)].count("\n")
    note = f"The first {hidden} lines are not shown." if hidden else "The beginning is not shown."
    return [*made, preformatted(kept), context(note)]


def _diff(diff: replies.Diff, allowance: int) -> list[Block]:
    lines = [f"*{escaped(shortened(diff.object, 300))}*", *(_change(each, allowance) for each in diff.lines)]
    kept, used = [], 0
    for each in lines:
        used += len(each) + 2
        if used > max(allowance, 600):
            break
        kept.append(each)
    left_out = len(lines) - len(kept)
    if left_out:
        kept.append(f":warning: *{left_out} more changed fields are not shown here.* See Details before you decide.")
    return [section(text) for text in _packed(kept)]


def _packed(lines: Sequence[str]) -> list[str]:
    packed: list[str] = []
    for each in lines:
        if packed and len(packed[-1]) + len(each) + 1 <= mrkdwn.SECTION:
            packed[-1] += "\n" + each
        else:
            packed.append(each)
    return packed


def _change(change: replies.DiffLine, allowance: int) -> str:
    limit = max(40, min(600, allowance // 4))
    before, after = (_value(each, limit) for each in (change.before, change.after))
    return f"•  `{escaped(shortened(change.path, 300))}`: {before} → {after}"


def _value(value: str | None, limit: int) -> str:
    if value is None:
        return "(unset)"
    shown = escaped(shortened(" ".join(visible(value).split()), limit))
    return f"`{shown}`" if shown else "(empty)"


def _notice(notice: replies.Notice, mentions: Mentions) -> list[Block]:
    mark = _NOTICES[notice.level]
    return [section(f"{mark} {mrkdwn.line(notice.text, mentions, limit=mrkdwn.SECTION - len(mark) - 1)}")]


def _progress(progress: replies.Progress, allowance: int) -> list[Block]:
    lines = [f"*{escaped(shortened(progress.title, 300))}*"]
    each = max(60, min(300, allowance // max(1, len(progress.steps))))
    for step in progress.steps:
        detail = f" ({escaped(shortened(visible(step.detail), each))})" if step.detail else ""
        lines.append(f"{_STEPS[step.state]} {escaped(shortened(visible(step.title), 150))}{detail}")
    return [section(text) for text in _packed(lines)]


def _buttons(buttons: replies.Buttons, name: str) -> list[Block]:
    made = [_button(each) for each in buttons.items[:BUTTONS]]
    return [{"type": "actions", "block_id": shortened(name, 255), "elements": made}] if made else []


def _button(button: replies.Button) -> dict[str, Any]:
    label = shortened(visible(button.label).strip(), LABEL) or button.action
    made: dict[str, Any] = {
        "type": "button",
        "action_id": button.action,
        "text": {"type": "plain_text", "text": label, "emoji": False},
    }
    if button.value:
        made["value"] = button.value[:2000]
    if button.style != "default":
        made["style"] = button.style
    if button.confirm:
        made["confirm"] = {
            "title": {"type": "plain_text", "text": "Are you sure?"},
            "text": {"type": "plain_text", "text": shortened(visible(button.confirm), 300) or label},
            "confirm": {"type": "plain_text", "text": shortened(label, 30)},
            "deny": {"type": "plain_text", "text": "Back"},
        }
    return made
