"""The HTTP door: what proves to come from Slack gets in once, everything else learns nothing."""

import json
import time

import pytest

from tests.fixtures.slack import sign
from tests.integration.bot.house import House


async def test_a_forged_signature_is_refused_quietly(house, caplog):
    """401, an empty body, and no word in the log."""
    attempt = await house.slack.send_forged()

    assert (attempt.status, attempt.answer) == (401, "")
    assert "slack/events" not in caplog.text
    assert await house.stores.inbox.lanes() == []


@pytest.mark.parametrize("age", [301, 3600, -301])
async def test_a_timestamp_far_from_now_is_refused(house, age):
    """In the past and in the future."""
    attempt = await house.slack.send_stale(age=age)

    assert attempt.status == 401


async def test_a_request_without_signature_is_refused(house):
    """Also one that only claims to check the certificate."""
    unsigned = await house.slack.send_unsigned()
    check = await house.slack.send_raw("ssl_check=1", content_type="application/x-www-form-urlencoded", signed=False)

    assert [unsigned.status, check.status] == [401, 401]


async def test_a_replay_is_refused_and_a_redelivery_is_not(house):
    """Slack signs a repeated delivery anew; only a copy has the same signature."""
    sent = await house.slack.send_dm("alice", "pods")

    copy = await house.slack.replay(sent.attempts[0])
    body = sent.attempts[0].body
    later = str(int(time.time()) + 1)
    headers = {
        **sent.attempts[0].headers,
        "X-Slack-Request-Timestamp": later,
        "X-Slack-Signature": sign(house.slack.signing_secret, later, body),
    }
    again = await house.slack.send_raw(body, headers=headers, signed=False)
    await house.dispatcher.idle()

    assert (copy.status, again.status) == (401, 200)
    assert len(house.conversation.asked) == 1


async def test_a_request_that_failed_on_our_side_may_come_again_as_it_was(house, monkeypatch):
    """A load balancer repeats the same bytes; they were not accepted yet."""
    broken = True
    accept = house.stores.inbox.accept

    async def flaky(item):
        if broken:
            raise OSError("disk full")
        return await accept(item)

    monkeypatch.setattr(house.stores.inbox, "accept", flaky)
    house.slack.courier.retry_delays = ()
    sent = await house.slack.send_dm("alice", "pods")
    broken = False

    again = await house.slack.replay(sent.attempts[0])

    assert (sent.attempts[0].status, again.status) == (500, 200)
    assert await house.slack.wait_for_message(house.slack.dm("alice"))


async def test_an_event_that_cannot_be_stored_is_left_to_slack_to_repeat(house, monkeypatch):
    """No acknowledgement before the commit; the redelivery is accepted."""
    accept, failures = house.stores.inbox.accept, [OSError("disk full"), OSError("disk full")]

    async def flaky(item):
        if failures:
            raise failures.pop()
        return await accept(item)

    monkeypatch.setattr(house.stores.inbox, "accept", flaky)
    await house.slack.send_dm("alice", "pods")

    await house.slack.wait_for_message(house.slack.dm("alice"))
    await house.slack.settled()

    statuses = [attempt.status for attempt in house.slack.attempts if attempt.payload["event"].get("text") == "pods"]
    assert statuses == [500, 500, 200]


async def test_a_command_that_cannot_be_stored_is_answered_with_the_way_on(house, monkeypatch):
    """Slack never repeats commands, so a person has to."""

    async def broken(item):
        raise OSError("disk full")

    monkeypatch.setattr(house.stores.inbox, "accept", broken)
    await house.slack.send_command("alice", "ops", "pods")

    answer = await house.slack.wait_for_ephemeral("alice")
    assert "nothing was accepted" in answer.plain_text()
    assert "send it again" in answer.plain_text()


@pytest.mark.parametrize("body", [b"{", b"[1, 2]", b"null", b'"text"', b"\xff\xfe", b'{"authorizations": 5}'])
async def test_a_signed_body_that_is_no_request_gets_a_400(house, body):
    """Not a stack trace and not a 500 that Slack would repeat."""
    attempt = await house.slack.send_raw(body)

    assert attempt.status == 400


@pytest.mark.parametrize("signature", ["v0=" + "é" * 64, "v0=" + "A" * 64, "v1=" + "0" * 64, "", "v0=" + "0" * 63])
async def test_signatures_that_are_none_are_refused(house, signature):
    """Text outside ASCII included, which breaks naive comparisons."""
    attempt = await house.slack.send_raw(b"{}", headers={"X-Slack-Signature": signature})

    assert attempt.status == 401


@pytest.mark.parametrize("timestamp", ["", "abc", "1e9", "-5", "9" * 13, "١٢٣"])
async def test_timestamps_that_are_none_are_refused(house, timestamp):
    """Digits of other scripts too, which int() would take."""
    attempt = await house.slack.send_raw(b"{}", headers={"X-Slack-Request-Timestamp": timestamp})

    assert attempt.status == 401


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_body_beyond_a_mebibyte_is_refused(house):
    """Slack sends nothing of that size."""
    attempt = await house.slack.send_raw(b"{" + b" " * (1024 * 1024) + b"}")

    assert attempt.status == 413


async def test_both_secrets_are_good_while_one_replaces_the_other(tmp_path):
    """A rotation without a gap."""
    async with House(tmp_path, settings={"signing_secrets": ("old-secret", "new-secret")}) as house:
        body = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
        now = str(int(time.time()))
        statuses = []
        for secret in ("old-secret", "new-secret", "other"):
            headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": sign(secret, now, body)}
            statuses.append((await house.slack.send_raw(body, headers=headers, signed=False)).status)

        assert statuses == [200, 200, 401]


async def test_the_url_is_verified(house):
    """The challenge comes back."""
    attempt = await house.slack.send_url_verification("c-42")

    assert attempt.json() == {"challenge": "c-42"}


async def test_events_nobody_acts_on_are_acknowledged(house):
    """Anything else would count as a failure against the app."""
    await house.slack.open_home("alice")
    attempt = await house.slack.send_event({"type": "channel_rename", "channel": {"id": "C1", "name": "x"}})

    assert attempt.status == 200
    assert not house.slack.failed()


async def test_buttons_that_are_not_ours_to_handle_are_acknowledged(house):
    """A link button is a click too."""
    attempt = await house.slack.forged_click("alice", "open.link", channel="ops", ts="1.2")

    assert attempt.status == 200


async def test_other_teams_are_not_listened_to(tmp_path):
    """Signed by Slack and yet not for us."""
    async with House(tmp_path, settings={"teams": frozenset({"T0OTHER"})}) as house:
        sent = await house.slack.send_dm("alice", "pods")
        await house.dispatcher.idle()

        assert sent.acknowledged
        assert house.conversation.asked == []


async def test_slack_being_down_does_not_delay_an_acknowledgement(tmp_path):
    """Neither the start nor an ack needs the Web API; the answer follows when Slack is back."""
    async with House(tmp_path, autostart=False) as house:
        house.slack.faults.fail("*", status=503, times=None)
        await house.start()
        sent = await house.slack.send_dm("alice", "pods")
        problems = await house.service.readiness()
        house.slack.faults.clear()

        assert sent.acknowledged
        assert "slack" in problems
        assert await house.slack.wait_for_message(house.slack.dm("alice"))


async def test_client_credentials_in_the_environment_do_not_switch_to_oauth(tmp_path, monkeypatch):
    """Bolt would ignore the bot token and write files into the home directory."""
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "s")
    async with House(tmp_path) as house:
        await house.slack.send_dm("alice", "pods")

        assert await house.slack.wait_for_message(house.slack.dm("alice"))
        assert (await house.slack.open_home("alice")).status == 200
