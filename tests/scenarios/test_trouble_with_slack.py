"""Slack down, slow or limiting while Hexa works: acknowledged in time, answered once when it is back."""

import asyncio

import pytest

from demo import Fault
from tests.fixtures.running import RunningHexa, is_dead
from tests.fixtures.slack import Message

ASKED = "<@BOT> scale web to 5 in shop"


@pytest.mark.parametrize("trouble", ["errors", "cut", "cut after it was done"])
async def test_an_outage_during_the_answer_delays_it_and_doubles_nothing(over_http: RunningHexa, trouble: str) -> None:
    """Every call fails once, in whichever way; then there is one card."""
    hexa, slack = over_http, over_http.slack
    for method in ("chat.postMessage", "conversations.info", "users.info"):
        if trouble == "errors":
            slack.faults.fail(method, status=503)
        else:
            slack.faults.drop(method, applied=trouble != "cut")
    sent = await slack.send_message("alice", "ops", ASKED)
    await slack.wait_for_button("approval.approve", "ops", timeout=20)
    await hexa.quiet(timeout=20)

    assert sent.acknowledged
    assert max(one.elapsed for one in sent.attempts) < 1.0
    assert len(slack.messages("ops", sent.ts, bot=True)) == 1
    assert "could not check who you are" not in slack.transcript()


async def test_whoever_slack_cannot_vouch_for_in_time_is_refused(over_http: RunningHexa) -> None:
    """After ten minutes of outage nobody expects the answer any more: refused, told when it is back, audited."""
    hexa, slack = over_http, over_http.slack
    down = slack.faults.fail("users.info", status=503, times=None)
    await slack.send_message("alice", "ops", ASKED)
    await asyncio.wait_for(down.reached.wait(), 5)
    hexa.clock.advance(minutes=11)
    told = await slack.wait_for_ephemeral("alice")
    slack.faults.clear()
    await hexa.quiet()

    assert "could not check who you are" in told.plain_text()
    assert [one["reason"] for one in await hexa.events("authorization_denied")] == ["lookup_failed"]
    assert hexa.changes == []


async def test_an_outage_during_the_run_does_not_touch_the_run(over_http: RunningHexa) -> None:
    """The cluster is changed once while Slack is gone; card and closing message follow when it is back."""
    hexa, slack = over_http, over_http.slack
    await slack.send_dm("bob", "help")  # known from now on: an outage would leave his click waiting at the door
    sent = await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await hexa.quiet()
    slack.faults.fail("*", status=500, times=None)
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id)
    assert run.state == "succeeded"
    assert len(hexa.changes) == 1
    assert not is_dead(card)
    slack.faults.clear()
    await hexa.quiet(timeout=30)

    assert is_dead(card)
    assert len(slack.messages("ops", sent.ts, bot=True)) == 2


async def test_a_rate_limit_is_obeyed(over_http: RunningHexa) -> None:
    """Retry-After of a second: no call to the method within it, and the answer comes."""
    slack = over_http.slack
    slack.faults.rate_limit("chat.postMessage", retry_after=1)
    sent = await slack.send_message("alice", "ops", "<@BOT> pods in shop")
    await slack.wait_for_message("ops", sent.ts)
    await over_http.quiet()

    first, second = slack.calls("chat.postMessage")
    assert second.at - first.at >= 0.9
    assert len(slack.messages("ops", sent.ts, bot=True)) == 1


async def test_requests_are_acknowledged_while_everything_behind_hangs(hexa: RunningHexa) -> None:
    """Cluster and Slack's API both hold their answers: events, commands and clicks are acknowledged within a second."""
    slack = hexa.slack
    await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await hexa.quiet()
    hang = hexa.cluster.faults.add(Fault(delay=2.0))
    held = slack.faults.hold("*", times=None)
    attempts = [
        *(await slack.send_message("alice", "ops", "<@BOT> pods in shop")).attempts,
        *(await slack.send_dm("bob", "deployments in shop")).attempts,
        await slack.send_command("carol", "ops", "events in shop"),
        await slack.click("bob", "approval.approve", card),
    ]
    assert [one.failure for one in attempts] == [None] * len(attempts)
    assert max(one.elapsed for one in attempts) < 1.0
    assert hexa.replicas() == 3
    hexa.cluster.faults.remove(hang)
    slack.faults.clear()
    assert held.gate is not None
    held.gate.set()
    await hexa.run(run_id)
    await hexa.quiet(timeout=20)

    assert hexa.replicas() == 5
    assert len(slack.messages("ops", bot=True)) == 4  # card, outcome, pods, events
    assert len(slack.messages(slack.people.bob, bot=True)) == 1


async def test_a_burst_of_questions_is_acknowledged_and_every_one_answered_once(over_http: RunningHexa) -> None:
    """Thirty messages at the same time in one thread: in order, none lost, none twice."""
    slack = over_http.slack
    root = await slack.send_message("alice", "ops", "<@BOT> help")
    sends = [slack.send_message("alice", "ops", f"frob{number}", thread=root) for number in range(8)]
    burst = await asyncio.gather(*sends)
    await over_http.quiet(timeout=20)

    assert all(one.acknowledged for one in burst)
    answers = slack.messages("ops", root.ts, bot=True)[1:]
    named = [number for answer in answers for number in range(8) if f"'frob{number}'" in answer.text]
    assert named == list(range(8))


async def test_a_card_that_was_deleted_in_slack_does_not_stop_the_run(over_http: RunningHexa) -> None:
    """An admin removes the message after the click: the outcome is still told in the thread."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    hold = hexa.cluster.faults.add(Fault(matches=lambda r: r.method == "PATCH", delay=0.3))
    await slack.click("bob", "approval.approve", card)
    card.deleted = True
    await hexa.run(run_id)
    hexa.cluster.faults.remove(hold)

    def outcome(one: Message) -> bool:
        return "Scaled web to 5" in one.plain_text()

    await slack.wait_for_message("ops", sent.ts, where=outcome)
    await hexa.quiet()
    assert hexa.replicas() == 5
