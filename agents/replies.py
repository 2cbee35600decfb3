"""The presentation-neutral reply model: what Hexa says, before it becomes Block Kit, HTML or terminal text.

Text is a tuple of spans, so a value from a cluster or a user can never turn into markup: each renderer escapes
every span in its own way. A reply is one takeaway sentence (also the plain-text fallback) and elements below it.
Renderers live in bot/views, console and hexa/terminal. Everything serialises to JSON and back.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Node):
    """A piece of text; ``mention`` holds a person id that a renderer shows as that person in its surface."""

    text: str
    style: Literal["plain", "bold", "code", "mention"] = "plain"


Text = tuple[Span, ...]


def text(*parts: str | Span) -> Text:
    """``text("Scaled ", code("web"), " to 5")``; strings are plain."""
    return tuple(Span(text=part) if isinstance(part, str) else part for part in parts)


def code(value: object) -> Span:
    return Span(text=str(value), style="code")


def bold(value: object) -> Span:
    return Span(text=str(value), style="bold")


def mention(person_id: str) -> Span:
    return Span(text=person_id, style="mention")


def plain(value: Text) -> str:
    """The text without styles."""
    return "".join(span.text for span in value)


class Paragraph(Node):
    kind: Literal["paragraph"] = "paragraph"
    text: Text


class Facts(Node):
    """Label and value pairs, shown side by side."""

    kind: Literal["facts"] = "facts"
    items: tuple[tuple[str, Text], ...]


class Table(Node):
    """Rows sorted worst first; the first column identifies. *more* rows were left out."""

    kind: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


class CodeBlock(Node):
    """Verbatim output. *title* names the file when a surface sends it as one."""

    kind: Literal["code"] = "code"
    content: str
    title: str = ""


class DiffLine(Node):
    path: str
    before: str | None
    after: str | None


class Diff(Node):
    """Exactly what a change changes on one object."""

    kind: Literal["diff"] = "diff"
    object: str
    lines: tuple[DiffLine, ...]


Level = Literal["info", "success", "warning", "error"]


class Notice(Node):
    """Something to pay attention to; the level is never told by colour or emoji alone."""

    kind: Literal["notice"] = "notice"
    level: Level
    text: Text


StepStatus = Literal["waiting", "running", "done", "failed", "skipped", "in_doubt"]


class Step(Node):
    title: str
    state: StepStatus
    detail: str = ""


class Progress(Node):
    """Steps of a run. *title* is the outcome once there is one."""

    kind: Literal["progress"] = "progress"
    title: str
    steps: tuple[Step, ...]


class Moment(Node):
    """A point in time that each surface shows in the reader's zone. *at* is seconds since the epoch."""

    kind: Literal["moment"] = "moment"
    label: str
    at: int


class Button(Node):
    """*action* is one of the public action ids; *value* an opaque id, never parameters."""

    action: str
    label: str
    value: str
    style: Literal["default", "primary", "danger"] = "default"
    confirm: str = ""


class Buttons(Node):
    kind: Literal["buttons"] = "buttons"
    items: tuple[Button, ...]


Element = Annotated[
    Paragraph | Facts | Table | CodeBlock | Diff | Notice | Progress | Moment | Buttons, Field(discriminator="kind")
]


class Reply(Node):
    """One answer. *title* is optional and short (a header); *headline* always says the point by itself."""

    headline: Text
    title: str = ""
    elements: tuple[Element, ...] = ()

    @property
    def fallback(self) -> str:
        return plain(self.headline)


def reply(*headline: str | Span, title: str = "", elements: tuple[Any, ...] = ()) -> Reply:
    return Reply(headline=text(*headline), title=title, elements=elements)


def error(*headline: str | Span, next_step: Text = (), elements: tuple[Any, ...] = ()) -> Reply:
    """A refusal or failure: cause in the headline, what to do next below it."""
    below = (Paragraph(text=next_step),) if next_step else ()
    return Reply(headline=text(*headline), elements=(*below, *elements))
