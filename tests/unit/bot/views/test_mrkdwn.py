"""Text from anywhere cannot become markup."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import replies
from bot.views import mrkdwn
from bot.views.mrkdwn import Named

STYLES = st.sampled_from(["plain", "bold", "code"])
HOSTILE = st.text(alphabet=st.sampled_from("<>&`*_~@!#|^ab \n\u202e\u200b😀"), max_size=900) | st.text(max_size=900)
SPANS = st.lists(st.builds(lambda text, style: replies.Span(text=text, style=style), HOSTILE, STYLES), max_size=8)


@given(SPANS)
def test_no_text_makes_a_token(spans):
    """Mentions, links, dates and channel alerts begin with a bare angle bracket; there is none."""
    for part in mrkdwn.sections(tuple(spans), {}):
        assert "<" not in part
        assert ">" not in part
        assert not re.search(r"&(?!amp;|lt;|gt;)", part)


@given(SPANS)
def test_every_section_is_within_the_limit(spans):
    """And none is empty, which Slack refuses."""
    for part in mrkdwn.sections(tuple(spans), {}):
        assert part.strip()
        assert len(part) <= mrkdwn.SECTION


@given(HOSTILE)
def test_nothing_visible_is_lost(text):
    """Joined again and unescaped, the words are those that went in."""
    joined = "".join(mrkdwn.sections(replies.text(text), {}))
    plain = joined.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    if joined:
        assert plain == mrkdwn.visible(text).replace("`", "\u02cb")


def test_a_backtick_does_not_end_a_code_span():
    """Else what follows would be formatted by whoever wrote the value."""
    assert mrkdwn.line(replies.text(replies.code("a`b")), {}) == "`a\u02cbb`"


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\ufeff", "\x07", "\u00ad"])
def test_characters_that_hide_others_are_removed(hidden):
    """What is approved must be what is read."""
    assert mrkdwn.escaped(f"we{hidden}b") == "web"


def test_people_are_mentioned_when_slack_knows_them():
    """Else they are named."""
    said = replies.text("ask ", replies.mention("bob"), " or ", replies.mention("eve<>"))

    assert mrkdwn.line(said, {"bob": Named("Bob", "U1B")}) == "ask <@U1B> or eve&lt;&gt;"


def test_a_user_id_that_is_none_is_not_put_into_a_token():
    """Whatever the directory returned."""
    assert mrkdwn.mention("bob", {"bob": Named("Bob", "U1> <!channel")}) == "Bob"


def test_bold_does_not_break_at_an_asterisk_or_a_border_space():
    """Slack would show the marks."""
    assert mrkdwn.line(replies.text(replies.bold(" a*b ")), {}) == " *a\u2217b* "
