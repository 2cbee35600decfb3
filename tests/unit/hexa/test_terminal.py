import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents import replies
from hexa import terminal

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOSTILE = "\x1b[2J\x1b]0;owned\x07\rgone\u202egnp.exe [red]x[/red] :smile: \x9b31m"


def shown(reply, *, colour=False, width=100):
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=colour, color_system="truecolor" if colour else None, width=width, highlight=False,
        markup=False, emoji=False, no_color=not colour,
    )  # fmt: skip
    console.print(terminal.render(reply, now=NOW, names={"bob": "Bob B."}))
    return out.getvalue()


def everything(value):
    """A reply with *value* in every place that holds text."""
    text = replies.text(value, replies.code(value), replies.bold(value), replies.mention(value))
    return replies.Reply(
        title=value,
        headline=text,
        elements=(
            replies.Paragraph(text=text),
            replies.Facts(items=((value, text),)),
            replies.Table(columns=(value,), rows=((value,),), more=2),
            replies.CodeBlock(content=value, title=value),
            replies.Diff(object=value, lines=(replies.DiffLine(path=value, before=value, after=value),)),
            replies.Notice(level="error", text=text),
            replies.Progress(title=value, steps=(replies.Step(title=value, state="failed", detail=value),)),
            replies.Moment(label=value, at=0),
            replies.Buttons(items=(replies.Button(action="approval.approve", label=value, value="run"),)),
        ),
    )


def test_nothing_in_a_value_controls_the_terminal():
    """Escape sequences, carriage returns and bidirectional overrides become visible; markup stays text."""
    out = shown(everything(HOSTILE))

    assert {one for one in out if not one.isprintable()} == {"\n"}
    assert "\\x1b[2J" in out
    assert "\\rgone\\u202e" in out
    assert "[red]x[/red] :smile:" in out
    assert "\\x9b31m" in out


@given(st.text(max_size=30))
def test_no_text_whatsoever_controls_the_terminal(value):
    """Only line ends of our own are left; a code block keeps its tabs, expanded."""
    assert {one for one in shown(everything(value), width=500) if not one.isprintable()} <= {"\n"}


def test_a_diff_is_readable_without_colour():
    """Minus and plus say what colours say."""
    lines = (
        replies.DiffLine(path="spec.replicas", before="3", after="5"),
        replies.DiffLine(path="x", before=None, after="1"),
    )
    reply = replies.reply("Scale", elements=(replies.Diff(object="Deployment shop/web", lines=lines),))

    assert shown(reply) == ("Scale\nDeployment shop/web\n  spec.replicas\n  - 3\n  + 5\n  x\n  + 1\n")
    assert "\x1b[3" in shown(reply, colour=True)


@pytest.mark.parametrize(
    ("level", "word"), [("info", "Note"), ("success", "OK"), ("warning", "Warning"), ("error", "Error")]
)
def test_the_level_of_a_notice_is_a_word(level, word):
    """Never colour alone."""
    assert f"{word}: careful" in shown(
        replies.reply("x", elements=(replies.Notice(level=level, text=replies.text("careful")),))
    )


def test_steps_say_their_state():
    """A sign and a word for each."""
    steps = tuple(replies.Step(title=state, state=state, detail="d") for state in
                  ("waiting", "running", "done", "failed", "skipped", "in_doubt"))  # fmt: skip
    out = shown(replies.reply("x", elements=(replies.Progress(title="Steps", steps=steps),)))

    assert "[x] done (done): d" in out
    assert "[?] in_doubt (in doubt): d" in out


@pytest.mark.parametrize(
    ("seconds", "distance"),
    [(0, "in 0 s"), (59, "in 59 s"), (1800, "in 30 min"), (-7200, "2 h ago"), (200000, "in 2 d")],
)
def test_a_moment_says_how_far_away_it_is(seconds, distance):
    """A time of day alone makes people calculate."""
    moment = replies.Moment(label="Expires", at=int(NOW.timestamp()) + seconds)

    assert f"({distance})" in shown(replies.reply("x", elements=(moment,)))


def test_people_are_shown_by_name():
    """Where a name is known; else by id."""
    assert shown(replies.reply(replies.mention("bob"), " and ", replies.mention("eve"))) == "Bob B. and eve\n"


def test_a_pipe_gets_long_lines_whole(capsys):
    """Whoever reads a pipe does not expect it to be cut at eighty characters."""
    terminal.console().print(terminal.render(replies.reply("x" * 1500)))

    assert capsys.readouterr().out == "x" * 1500 + "\n"
