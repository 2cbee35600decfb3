"""Replies as messages: within Slack's limits whatever they contain, with the point always there."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import replies
from bot.views import message
from tests.fixtures.slack.validation import validate_blocks

WORDS = st.text(max_size=400) | st.sampled_from(["web", "x" * 5000, "<!channel>" * 300, "ä" * 3001, "😀" * 1500])
SPAN = st.builds(
    lambda text, style: replies.Span(text=text, style=style), WORDS, st.sampled_from(["plain", "bold", "code"])
)
TEXT = st.lists(SPAN, max_size=4).map(tuple)
BUTTON = st.builds(
    replies.Button,
    action=st.sampled_from(["approval.approve", "run.stop"]),
    label=WORDS.filter(str.strip),
    value=WORDS,
    confirm=WORDS,
)
ROWS = st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=130).map(tuple)
STATES = st.sampled_from(["waiting", "running", "done", "failed", "skipped", "in_doubt"])
ELEMENT = st.one_of(
    st.builds(replies.Paragraph, text=TEXT),
    st.builds(replies.Facts, items=st.lists(st.tuples(WORDS, TEXT), max_size=24).map(tuple)),
    st.builds(replies.Table, columns=st.just(("Name", "Status", "Age")), rows=ROWS, more=st.integers(0, 50)),
    st.builds(replies.CodeBlock, content=WORDS | st.just("line\n" * 20_000), title=WORDS),
    st.builds(
        replies.Diff,
        object=WORDS,
        lines=st.lists(st.builds(replies.DiffLine, path=WORDS, before=WORDS | st.none(), after=WORDS | st.none()), max_size=40).map(tuple),
    ),
    st.builds(replies.Notice, level=st.sampled_from(["info", "success", "warning", "error"]), text=TEXT),
    st.builds(
        replies.Progress,
        title=WORDS,
        steps=st.lists(st.builds(replies.Step, title=WORDS, state=STATES, detail=WORDS), max_size=20).map(tuple),
    ),
    st.builds(replies.Moment, label=WORDS, at=st.integers(0, 4_000_000_000)),
)  # fmt: skip
REPLY = st.builds(replies.Reply, headline=TEXT, title=WORDS, elements=st.lists(ELEMENT, max_size=12).map(tuple))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(REPLY)
def test_every_reply_is_a_message_slack_takes(reply):
    """Judged by the double's validator, which knows Slack's documented limits."""
    made = message.render(reply, {}, name="m1:1")

    assert validate_blocks(list(made.blocks), "message") == []
    assert len(made.blocks) <= 50
    assert len(json.dumps(made.blocks, ensure_ascii=False)) <= 13_000
    assert 0 < len(made.text) <= 4_000
    assert len(message.plain(reply, {}, note="see the console").text) <= 4_000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(REPLY, st.lists(BUTTON, min_size=1, max_size=4))
def test_buttons_survive_any_shortening(reply, buttons):
    """A card without its buttons could not be decided."""
    row = replies.Buttons(items=tuple(buttons[:1]))
    made = message.render(replies.Reply(headline=reply.headline, elements=(*reply.elements, row)), {}, name="m1:1")

    assert [block for block in made.blocks if block["type"] == "actions"]
    assert validate_blocks(list(made.blocks), "message") == []


def shown(*elements: replies.Element, headline: str = "h") -> str:
    return json.dumps(
        message.render(replies.reply(headline, elements=elements), {}, name="m:1").blocks, ensure_ascii=False
    )


def test_a_change_reads_as_before_and_after():
    """The heart of an approval."""
    lines = (
        replies.DiffLine(path="spec.replicas", before="3", after="5"),
        replies.DiffLine(path="x", before=None, after=""),
    )

    text = shown(replies.Diff(object="Deployment shop/web", lines=lines))

    assert "`spec.replicas`: `3` → `5`" in text
    assert "`x`: (unset) → (empty)" in text


def test_a_change_that_does_not_fit_says_so():
    """Nobody approves what is hidden without knowing."""
    lines = tuple(replies.DiffLine(path=f"data.key{n}", before="a" * 500, after="b" * 500) for n in range(60))

    assert "more changed fields are not shown here" in shown(replies.Diff(object="ConfigMap", lines=lines))


def test_a_table_is_aligned_and_says_what_is_left_out():
    """Monospaced, so every client shows it alike."""
    rows = (("web-1", "CrashLoopBackOff"), ("api", "Running"))

    made = message.render(
        replies.reply("2 pods", elements=(replies.Table(columns=("Pod", "Status"), rows=rows, more=3),)), {}, name="m:1"
    )

    table = made.blocks[1]["elements"][0]["elements"][0]["text"]
    assert table.splitlines() == ["Pod    Status", "web-1  CrashLoopBackOff", "api    Running"]
    assert made.blocks[2]["elements"][0]["text"] == "3 more not shown"


def test_long_output_keeps_its_end():
    """How it ended is what matters in a log."""
    text = shown(replies.CodeBlock(content="\n".join(f"line {n}" for n in range(5_000))))

    assert "line 4999" in text
    assert "lines are not shown" in text


@pytest.mark.parametrize(
    ("level", "word"), [("info", "Note"), ("success", "Done"), ("warning", "Warning"), ("error", "Problem")]
)
def test_a_notice_tells_its_level_in_words(level, word):
    """Emoji are never the only signal."""
    assert f"*{word}:*" in shown(replies.Notice(level=level, text=replies.text("x")))


def test_a_moment_is_shown_in_the_readers_zone():
    """With a fallback in UTC."""
    assert "Expires: <!date^1767603600^{date_short_pretty} {time}|2026-01-05 09:00 UTC>" in shown(
        replies.Moment(label="Expires", at=1_767_603_600)
    )


def test_rows_of_buttons_have_ids_of_their_version():
    """Slack keeps state by block id; a new version is a new row."""
    row = replies.Buttons(
        items=(replies.Button(action="approval.approve", label="Scale to 6", value="r1", style="primary"),)
    )
    first, second = (message.render(replies.reply("h", elements=(row,)), {}, name=f"m:{n}").blocks[-1] for n in (1, 2))

    assert first["block_id"] != second["block_id"]
    assert first["elements"][0]["value"] == "r1"


def test_people_in_facts_and_notices_are_found():
    """So that they can be looked up before rendering."""
    reply = replies.reply(
        replies.mention("a"),
        elements=(
            replies.Facts(items=(("By", replies.text(replies.mention("b"))),)),
            replies.Notice(level="info", text=replies.text(replies.mention("c"))),
        ),
    )

    assert message.people(reply) == {"a", "b", "c"}
