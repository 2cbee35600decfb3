"""Payloads of Slack as inbox items, and those that are none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.incoming import Normaliser, Unstored
from workflows.ports import InboxItem

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def normalise(body: dict[str, Any], **options: Any) -> InboxItem | Unstored:
    normaliser = Normaliser(
        clock=lambda: AT,
        new_id=lambda: "i1",
        seal=lambda url: f"sealed({len(url)})",
        bot_user=lambda team: "",
        **options,
    )
    return normaliser(body)


def event(**fields: Any) -> dict[str, Any]:
    said = {
        "type": "message",
        "user": "U1",
        "channel": "C1",
        "channel_type": "channel",
        "ts": "5.1",
        "text": "<@UBOT> pods",
    }
    return {
        "type": "event_callback",
        "team_id": "T1",
        "event_id": "Ev1",
        "authorizations": [{"user_id": "UBOT", "is_bot": True, "team_id": "T1"}],
        "event": {**said, **fields},
    }


def test_a_mention_and_its_message_share_a_key():
    """Two event ids, one message."""
    message = normalise(event())
    mention = normalise({**event(type="app_mention"), "event_id": "Ev2"})

    assert set(message.keys) & set(mention.keys) == {"slack:message:T1:C1:5.1"}


def test_a_message_says_who_where_and_what():
    """The lane is the thread; the mention is gone from the text."""
    item = normalise(event(thread_ts="4.0"))

    assert (item.kind, item.lane) == ("message", "slack:T1:C1:4.0")
    assert item.payload == {
        "team": "T1", "channel": "C1", "user": "U1", "user_team": "T1", "ts": "5.1", "root": "4.0", "text": "pods",
        "direct": False, "mentioned": True, "shared": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"bot_id": "B1"},
        {"app_id": "A1"},
        {"user": "UBOT"},
        {"user": None},
        {"subtype": "message_changed"},
        {"subtype": "bot_message"},
        {"subtype": "channel_join"},
        {"hidden": True},
        {"edited": {"ts": "6.0"}},
        {"text": "lunch?"},
        {"text": "lunch?", "thread_ts": "5.1"},
        {"text": "<@U2> lunch?", "thread_ts": "4.0"},
        {"channel": None},
    ],
)
def test_what_no_person_says_to_us_is_not_stored(fields):
    """Bots, ourselves, edits, system messages, chatter."""
    assert normalise(event(**fields)) is Unstored.IGNORED


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "and now?", "thread_ts": "4.0"},
        {"text": "pods", "channel_type": "im"},
        {"subtype": "file_share"},
        {"subtype": "thread_broadcast", "thread_ts": "4.0"},
    ],
)
def test_what_may_be_meant_for_us_is_stored(fields):
    """Whether a thread is one of ours is looked up later, off the way of the acknowledgement."""
    assert isinstance(normalise(event(**fields)), InboxItem)


def test_the_response_url_is_sealed():
    """It lets anybody post who reads it."""
    url = "https://hooks.slack.com/commands/T1/2/3"
    command = {
        "command": "/hexa",
        "text": "pods",
        "team_id": "T1",
        "channel_id": "C1",
        "user_id": "U1",
        "trigger_id": "9.1",
    }

    item = normalise({**command, "response_url": url})

    assert url not in str(item)
    assert item.payload["response_url"] == f"sealed({len(url)})"
    assert item.keys == ("slack:T1:command:9.1",)


def test_a_click_names_the_one_who_clicked_and_the_place():
    """From Slack's own fields; the button's value is only a claim."""
    body = {
        "type": "block_actions", "trigger_id": "9.2", "team": {"id": "T1"}, "user": {"id": "U2", "team_id": "T1"},
        "channel": {"id": "C1", "name": "ops"}, "message": {"ts": "5.2", "thread_ts": "5.1"},
        "actions": [{"action_id": "approval.approve", "value": "run-1"}],
    }  # fmt: skip

    item = normalise(body)

    assert item.kind == "action"
    assert item.lane == "slack:T1:action:9.2"
    assert {key: item.payload[key] for key in ("user", "channel", "ts", "root", "action", "value")} == {
        "user": "U2", "channel": "C1", "ts": "5.2", "root": "5.1", "action": "approval.approve", "value": "run-1",
    }  # fmt: skip


@pytest.mark.parametrize("actions", [[], None, "x", [5], [{"action_id": "open.link"}]])
def test_other_clicks_are_for_listeners(actions):
    """Whatever shape they have."""
    assert normalise({"type": "block_actions", "actions": actions}) is Unstored.LISTENED


def test_a_team_that_is_not_ours_is_not_stored():
    """When the teams are named."""
    assert normalise(event(), teams=frozenset({"T2"})) is Unstored.IGNORED
    assert isinstance(normalise(event(), teams=frozenset({"T1"})), InboxItem)


@pytest.mark.parametrize(
    "body", [{}, {"type": "view_submission"}, {"type": "event_callback"}, {"type": "event_callback", "event": 5}]
)
def test_anything_else_is_for_listeners(body):
    """And never an exception."""
    assert normalise(body) is Unstored.LISTENED
