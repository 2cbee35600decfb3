"""A whole reply as a Slack message within Slack's limits: 50 blocks and about 13,000 characters.

When a reply is too long its elements are rendered again with less and less room; buttons and the first sentence
are never dropped. `plain` is what remains when Slack does not take the blocks at all.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents import replies
from bot.views import elements, mrkdwn
from bot.views.mrkdwn import Mentions, escaped, shortened

BLOCKS = 50
PAYLOAD = 12_000  #: characters of all blocks; Slack fails a little above 13,000
TEXT = 3_500  #: chat.update refuses more than 4,000
ALLOWANCES = (7_000, 3_000, 1_200, 400)
SHORTENED = "This answer is shortened; ask for something narrower to see the rest."


@dataclass(frozen=True, slots=True)
class Rendered:
    """*text* is what notifications and screen readers say."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()


def render(reply: replies.Reply, mentions: Mentions, *, name: str, asked: str = "") -> Rendered:
    """*name* (message and version) makes button ids unique; *asked* quotes the command this answers."""
    text = shortened(escaped(mrkdwn.spoken(reply.headline, mentions)) or "Hexa", TEXT)
    for allowance in ALLOWANCES:
        made = _blocks(reply, mentions, name=name, asked=asked, allowance=allowance)
        if _fits(made):
            return Rendered(text, tuple(made))
    return Rendered(text, tuple(_trimmed(made)))


def plain(reply: replies.Reply, mentions: Mentions, *, note: str = "") -> Rendered:
    """The reply as text alone."""
    texts = [each.text for each in reply.elements if isinstance(each, replies.Paragraph | replies.Notice)]
    parts = [mrkdwn.line(each, mentions, limit=TEXT // 4) for each in (reply.headline, *texts)]
    kept = ""
    for part in parts:
        if len(kept) + len(part) + len(note) + 4 <= TEXT:
            kept += ("\n\n" if kept else "") + part
    return Rendered(f"{kept}\n\n{escaped(note)}" if note else kept or "Hexa")


def people(reply: replies.Reply) -> set[str]:
    """Everybody a reply mentions."""
    return {span.text for span in _spans(reply) if span.style == "mention"}


def _spans(reply: replies.Reply) -> Iterator[replies.Span]:
    yield from reply.headline
    for element in reply.elements:
        match element:
            case replies.Paragraph() | replies.Notice():
                yield from element.text
            case replies.Facts():
                for _, value in element.items:
                    yield from value


def _blocks(reply: replies.Reply, mentions: Mentions, *, name: str, asked: str, allowance: int) -> list[elements.Block]:
    made = [elements.header(reply.title)] if mrkdwn.visible(reply.title).strip() else []
    if asked:
        made.append(elements.context(asked))
    made += [elements.section(part) for part in mrkdwn.sections(reply.headline, mentions)]
    for number, element in enumerate(reply.elements):
        made += elements.blocks(element, mentions, allowance=allowance, name=f"{name}:{number}")
    return made


def _fits(blocks: list[elements.Block]) -> bool:
    return len(blocks) <= BLOCKS and _size(blocks) <= PAYLOAD


def _size(blocks: list[elements.Block]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))


def _trimmed(blocks: list[elements.Block]) -> list[elements.Block]:
    """As many blocks from the top as fit, a note, and every row of buttons."""
    buttons = [each for each in blocks if each["type"] == "actions"][:5]
    kept: list[elements.Block] = []
    for each in blocks:
        if each["type"] == "actions":
            continue
        if not _fits([*kept, each, elements.context(SHORTENED), *buttons]):
            break
        kept.append(each)
    return [*kept, elements.context(SHORTENED), *buttons]
