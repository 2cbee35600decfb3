"""Whatever reaches the HTTP door without proof of coming from Slack is refused before anything looks at it."""

import json

import pytest

from tests.fixtures.running import RunningHexa


async def nothing_happened(hexa: RunningHexa) -> bool:
    """No row, no record, no post, no request to the cluster beyond its start."""
    await hexa.quiet()
    return not (
        await hexa.core.stores.inbox.lanes() or await hexa.events() or hexa.slack.messages(bot=True) or hexa.changes
    )


@pytest.mark.parametrize("attack", ["send_forged", "send_stale", "send_unsigned"])
async def test_what_does_not_come_from_slack_now_is_refused_quietly(over_http: RunningHexa, attack: str) -> None:
    """A request to scale, forged, old or unsigned: 401, an empty body, no trace."""
    attempt = await getattr(over_http.slack, attack)()

    assert (attempt.status, attempt.answer) == (401, "")
    assert await nothing_happened(over_http)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"payload=%7B", b"[]" * 1000, b'{"a":' * 5000])
async def test_malformed_bytes_without_a_signature_are_never_parsed(over_http: RunningHexa, body: bytes) -> None:
    """The signature is checked over the raw bytes, first."""
    attempt = await over_http.slack.send_raw(body, signed=False)

    assert (attempt.status, attempt.answer) == (401, "")
    assert await nothing_happened(over_http)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b'{"type": "event_callback"}', b"null"])
async def test_malformed_bytes_with_a_signature_are_no_request_either(over_http: RunningHexa, body: bytes) -> None:
    """Nobody sends this but a broken Slack: refused for good, no trace in the answer, nothing kept."""
    attempt = await over_http.slack.send_raw(body)

    assert attempt.status in {200, 400, 404}
    assert "Traceback" not in attempt.answer
    assert await nothing_happened(over_http)


async def test_a_captured_request_sent_again_is_refused(over_http: RunningHexa) -> None:
    """A replay of a real message, then of a real click: 401, and nothing happens a second time."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
    card, run_id = await hexa.card("ops")
    click = await slack.click("bob", "approval.approve", card)
    await hexa.run(run_id)
    await hexa.quiet()
    replayed = [await slack.replay(one) for one in (*sent.attempts, click)]
    await hexa.quiet()

    assert [(one.status, one.answer) for one in replayed] == [(401, "")] * 3
    assert len(hexa.changes) == 1
    assert len(slack.messages("ops", bot=True)) == 2


async def test_a_valid_signature_on_another_body_is_refused(over_http: RunningHexa) -> None:
    """Headers of one request with the bytes of another."""
    slack = over_http.slack
    sent = await slack.send_dm("alice", "pods in shop")
    await slack.wait_for_message(slack.people.alice)
    changed = sent.attempts[0].body.replace(b"pods in shop", b"scale web 9 ")
    attempt = await slack.send_raw(changed, headers=dict(sent.attempts[0].headers), signed=False)
    await over_http.quiet()

    assert attempt.status == 401
    assert len(slack.messages(bot=True)) == 1


async def test_an_event_of_another_team_is_not_served(over_http: RunningHexa) -> None:
    """Correctly signed (a distributed app shares one secret), but this installation is not theirs."""
    slack = over_http.slack
    await slack.send_message("alice", "ops", "<@BOT> help")
    await slack.wait_for_message("ops")
    event = {
        "type": "app_mention", "user": "U1", "team": "T0OTHER", "channel": "C1", "ts": "1.1", "text": "scale web 9 -n shop",
    }  # fmt: skip
    body = slack.event_envelope(event) | {"team_id": "T0OTHER", "authorizations": []}
    attempt = await slack.send_raw(json.dumps(body))
    await over_http.quiet()

    assert attempt.acknowledged
    assert over_http.changes == []
    assert slack.find_buttons("approval.approve") == []


async def test_a_forged_click_needs_no_refusal_because_it_needs_a_signature(over_http: RunningHexa) -> None:
    """The payload of bob's approval, signed with another secret."""
    hexa, slack = over_http, over_http.slack
    await slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
    card, run_id = await hexa.card("ops")
    payload = {
        "type": "block_actions", "user": {"id": slack.people.bob.id, "team_id": "T000HEXA"},
        "team": {"id": "T000HEXA"}, "channel": {"id": card.channel}, "message": {"ts": card.ts},
        "trigger_id": "1.2.3", "actions": [{"action_id": "approval.approve", "value": run_id, "type": "button"}],
    }  # fmt: skip
    attempt = await slack.send_forged(payload)
    await hexa.quiet()

    run = await hexa.core.stores.runs.get(run_id)
    assert attempt.status == 401
    assert run is not None
    assert run.state == "waiting"
