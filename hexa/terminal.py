"""Replies for the terminal. Nothing is told by colour alone, and nothing a value contains can control the terminal.

Every value becomes a rich Text, never markup, and characters that are not printable (escape sequences, carriage
returns, bidirectional overrides) are shown as escapes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents import replies

WIDTH_OF_A_PIPE = 2000  # whoever reads a pipe wraps lines themselves
_STYLES: Mapping[str, str] = {"plain": "", "bold": "bold", "code": "cyan", "mention": "bold"}
_LEVELS: Mapping[str, tuple[str, str]] = {
    "info": ("Note", "blue"), "success": ("OK", "green"), "warning": ("Warning", "yellow"), "error": ("Error", "red"),
}  # fmt: skip
_STEPS: Mapping[str, tuple[str, str]] = {
    "waiting": ("[ ]", "dim"), "running": ("[~]", "cyan"), "done": ("[x]", "green"), "failed": ("[!]", "red"),
    "skipped": ("[-]", "dim"), "in_doubt": ("[?]", "yellow"),
}  # fmt: skip


def console(*, stderr: bool = False, **options: Any) -> Console:
    """A console that never breaks lines in a pipe and never reads markup or emoji codes in values."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, **options)
    if not made.is_terminal and "width" not in options:
        made.width = WIDTH_OF_A_PIPE
    return made


def visible(value: str, *, keep: str = "") -> str:
    """Text in which everything unprintable is an escape, except the characters to *keep*."""
    return "".join(one if one.isprintable() or one in keep else _escape(one) for one in value)


def render(reply: replies.Reply, *, now: datetime | None = None, names: Mapping[str, str] | None = None) -> Group:
    """The reply as something rich can print. *names* are shown instead of person ids."""
    return _Rendering(now or datetime.now(UTC), names or {}).reply(reply)


def step_line(state: str, title: str, detail: str = "") -> Text:
    mark, style = _STEPS.get(state, ("[ ]", ""))
    line = Text.assemble((mark, style), " ", visible(title), (f" ({state.replace('_', ' ')})", "dim"))
    return line.append(f": {visible(detail)}") if detail else line


class _Rendering:
    def __init__(self, now: datetime, names: Mapping[str, str]) -> None:
        self._now, self._names = now, names
        self._by_kind: Mapping[str, Callable[[Any], RenderableType | None]] = {
            "paragraph": lambda one: self.text(one.text),
            "facts": self._facts,
            "table": self._table,
            "code": self._code,
            "diff": self._diff,
            "notice": self._notice,
            "progress": self._progress,
            "moment": self._moment,
            "buttons": lambda _: None,  # the command line names the commands instead
        }

    def reply(self, one: replies.Reply) -> Group:
        parts: list[RenderableType] = [Text(visible(one.title), style="bold underline")] if one.title else []
        parts.append(self.text(one.headline))
        shown = (self._by_kind[element.kind](element) for element in one.elements)
        return Group(*parts, *(part for part in shown if part is not None))

    def text(self, spans: replies.Text) -> Text:
        line = Text()
        for span in spans:
            name = self._names.get(span.text, span.text) if span.style == "mention" else span.text
            line.append(visible(name, keep="\n"), style=_STYLES[span.style])
        return line

    def _facts(self, one: replies.Facts) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        for label, value in one.items:
            grid.add_row(Text(visible(label), style="dim"), self.text(value))
        return Padding(grid, (0, 0, 0, 2), expand=False)

    def _table(self, one: replies.Table) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in one.columns:
            table.add_column(Text(visible(column)), overflow="fold")
        for row in one.rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        return Group(table, Text(f"... and {one.more} more", style="dim")) if one.more else table

    def _code(self, one: replies.CodeBlock) -> RenderableType:
        lines = [Text(visible(one.title), style="bold")] if one.title else []
        return Group(*lines, Padding(Text(visible(one.content, keep="\n\t")), (0, 0, 0, 2), expand=False))

    def _diff(self, one: replies.Diff) -> RenderableType:
        return Group(Text(visible(one.object), style="bold"), *self._diff_lines(one.lines))

    def _diff_lines(self, lines: Iterable[replies.DiffLine]) -> Iterable[Text]:
        for line in lines:
            yield Text(f"  {visible(line.path)}")
            if line.before is not None:
                yield Text(f"  - {visible(line.before)}", style="red")
            if line.after is not None:
                yield Text(f"  + {visible(line.after)}", style="green")

    def _notice(self, one: replies.Notice) -> RenderableType:
        word, style = _LEVELS[one.level]
        return Text.assemble((f"{word}: ", f"bold {style}"), self.text(one.text))

    def _progress(self, one: replies.Progress) -> RenderableType:
        steps = (step_line(step.state, step.title, step.detail) for step in one.steps)
        return Group(Text(visible(one.title), style="bold"), *steps)

    def _moment(self, one: replies.Moment) -> RenderableType:
        at = datetime.fromtimestamp(one.at, UTC)
        local = at.astimezone().strftime("%H:%M:%S %Z" if at.date() == self._now.date() else "%Y-%m-%d %H:%M %Z")
        return Text(f"{visible(one.label)}: {local} ({_distance(one.at - self._now.timestamp())})")


def _distance(seconds: float) -> str:
    size = abs(seconds)
    for name, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if size >= length or name == "s":
            amount = f"{int(size // length)} {name}"
            return f"in {amount}" if seconds >= 0 else f"{amount} ago"
    return "now"


def _escape(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, _numbered(ord(character)))


def _numbered(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004
