from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from demo import logs

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WEB = logs.Instance(seed="uid/nginx", app="web", image="nginx:1.27.3", started=START)
BROKEN = logs.Instance(seed="uid/c", app="checkout", image="shop/checkout:2.4.0", started=START, missing_host="db")


@pytest.mark.parametrize("image", ["nginx:1.27.3", "shop/api:1", "redis:7"])
def test_the_same_moment_always_shows_the_same_lines(image):
    """Logs are stable: a later look shows the earlier lines again, then newer ones."""
    instance = replace(WEB, image=image, app="api")
    early = logs.lines(instance, START + timedelta(minutes=5))
    late = logs.lines(instance, START + timedelta(minutes=10))

    assert early
    assert late[: len(early)] == early
    assert len(late) > len(early)
    assert [line.at for line in late] == sorted(line.at for line in late)


def test_years_of_logs_are_bounded():
    """An old pod costs no more than a young one, and its newest line is recent."""
    until = START + timedelta(days=700)

    shown = logs.lines(WEB, until)

    assert len(shown) == logs.MOST_LINES
    assert until - shown[-1].at < timedelta(seconds=10)


def test_the_next_line_comes_when_announced():
    """A follower may sleep until then and will find exactly one more line."""
    moment = START + timedelta(minutes=1)
    due = logs.next_after(WEB, moment)

    before, after = logs.lines(WEB, due - timedelta(milliseconds=1)), logs.lines(WEB, due)

    assert len(after) == len(before) + 1
    assert due > moment


def test_a_crashing_container_says_why():
    """The story ends with the reason and the exit code, and names the host that is missing."""
    ended = replace(BROKEN, ended=START + timedelta(seconds=3))

    texts = [line.text for line in logs.lines(ended, START + timedelta(hours=1))]

    assert any("cannot connect to database at db:5432" in text for text in texts)
    assert "exiting with code 1" in texts[-1]


def test_a_container_that_is_about_to_crash_has_not_told_all_yet():
    """Lines appear as time passes."""
    assert 0 < len(logs.lines(BROKEN, START + timedelta(seconds=1))) < 8
