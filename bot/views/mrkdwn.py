"""Text that came from anywhere, as Slack mrkdwn that can only be read.

Slack knows three control characters; what cannot be escaped (backticks) is replaced by a look-alike, and characters
that hide or reorder others are removed: a name shown for approval must be the name that is approved.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents import replies

SECTION = 3000
_PIECE = 400  #: raw characters per piece; escaped at most five times as long, so always below SECTION
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2028\u2029"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_BACKTICK = "\u02cb"


@dataclass(frozen=True, slots=True)
class Named:
    """A person as Slack shows them: as a mention when *user* is known, else by name."""

    name: str
    user: str = ""


Mentions = Mapping[str, Named]


def visible(value: str) -> str:
    """*value* without characters that cannot be seen."""
    return _HIDDEN.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))


def escaped(value: str) -> str:
    """*value* as mrkdwn without effect."""
    safe = visible(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("`", _BACKTICK)


def shortened(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: max(0, limit - 1)].rstrip() + "…"


def sections(text: replies.Text, mentions: Mentions, *, limit: int = SECTION) -> list[str]:
    """*text* as one or more mrkdwn strings, each within *limit*; nothing is cut inside an escape."""
    packed: list[str] = []
    for piece in _pieces(text, mentions):
        if packed and len(packed[-1]) + len(piece) <= limit:
            packed[-1] += piece
        else:
            packed.append(piece)
    return [each for each in packed if each.strip()]


def line(text: replies.Text, mentions: Mentions, *, limit: int = SECTION) -> str:
    """*text* as one mrkdwn string, shortened when it is too long."""
    parts = sections(text, mentions, limit=limit - 1)
    if len(parts) > 1:
        return parts[0] + "…"
    return parts[0] if parts else ""


def spoken(text: replies.Text, mentions: Mentions) -> str:
    """*text* without styles, people by their names."""
    return "".join(_name(span, mentions) if span.style == "mention" else span.text for span in text)


def _name(span: replies.Span, mentions: Mentions) -> str:
    known = mentions.get(span.text)
    return known.name if known else span.text


def _pieces(text: replies.Text, mentions: Mentions) -> Iterator[str]:
    for span in text:
        if span.style == "mention":
            yield mention(span.text, mentions)
        else:
            for piece in _cut(visible(span.text)):
                yield _styled(piece, span.style)


def mention(person_id: str, mentions: Mentions) -> str:
    known = mentions.get(person_id)
    if known and re.fullmatch(r"[UW][A-Z0-9]+", known.user):
        return f"<@{known.user}>"
    return escaped(known.name if known else person_id)


def _cut(value: str) -> Iterator[str]:
    """Pieces of at most _PIECE characters, broken at white space where there is some."""
    while len(value) > _PIECE:
        at = max(value.rfind(" ", 0, _PIECE), value.rfind("\n", 0, _PIECE))
        at = at + 1 if at > _PIECE // 2 else _PIECE
        yield value[:at]
        value = value[at:]
    yield value


def _styled(piece: str, style: str) -> str:
    safe = escaped(piece)
    mark = {"bold": "*", "code": "`"}.get(style)
    if mark is None or not safe.strip():
        return safe
    # A style does not reach over a line break, and not over a space at its border.
    return "\n".join(_marked(each, mark) for each in safe.split("\n"))


def _marked(value: str, mark: str) -> str:
    inner = value.strip()
    if not inner:
        return value
    if mark == "*":
        inner = inner.replace("*", "\u2217")
    lead = value[: len(value) - len(value.lstrip())]
    trail = value[len(value.rstrip()) :]
    return f"{lead}{mark}{inner}{mark}{trail}"
