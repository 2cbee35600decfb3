"""The text of a person's Slack message as they meant it: what they typed, without Slack's markup.

Only for reading requests; what Hexa writes is escaped in bot/views.
"""

import html
import re

_TOKEN = re.compile(r"<([^<>\n]*)>")
_INLINE_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
#: Apple keyboards turn two hyphens into a dash; in front of a word it was an option.
_DASHED_OPTION = re.compile(r"(^|\s)[\u2013\u2014](?=[A-Za-z])([A-Za-z][\w-]*)")
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e", '"')
    | dict.fromkeys("\u2018\u2019\u201a", "'")
    | dict.fromkeys("\u00a0\u202f", " ")
)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def clean(text: str, *, bot_user: str = "") -> str:
    """*text* with the mention of the bot removed and Slack's tokens, entities and typography undone."""
    without_bot = re.sub(rf"<@{re.escape(bot_user)}(\|[^>]*)?>", " ", text) if bot_user else text
    plain = html.unescape(_TOKEN.sub(_spoken, without_bot))
    plain = _INVISIBLE.sub("", plain).translate(_QUOTES)
    plain = _DASHED_OPTION.sub(_option, plain)
    plain = _INLINE_CODE.sub(r"\1", plain)
    return re.sub(r"[ \t]+", " ", plain).strip()


def mentions(text: str, user: str) -> bool:
    return bool(user) and re.search(rf"<@{re.escape(user)}(\|[^>]*)?>", text) is not None


def addressed_to_other(text: str, bot_user: str) -> bool:
    """Whether the message begins by calling somebody else."""
    called = re.match(r"\s*<@([A-Z0-9]+)(\|[^>]*)?>", text)
    return called is not None and called.group(1) != bot_user


def _spoken(token: re.Match[str]) -> str:
    content = token.group(1)
    target, _, label = content.partition("|")
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].split('^')[0]}"
    return label or target.removeprefix("mailto:")


def _option(dash: re.Match[str]) -> str:
    before, name = dash.groups()
    return f"{before}{'-' if len(name) == 1 else '--'}{name}"
