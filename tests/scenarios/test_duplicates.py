"""Slack may say everything twice; Hexa says it once."""

import asyncio

from tests.fixtures.running import RunningHexa

SCALE = "<@BOT> scale web to 5 in shop"


async def test_the_same_event_again_starts_nothing(hexa: RunningHexa) -> None:
    """The same event_id, redelivered while the request is worked on and after it was answered."""
    slack = hexa.slack
    sent = await slack.send_message("alice", "ops", SCALE, events=("app_mention",))
    hexa.clock.advance(seconds=1)
    early = await slack.redeliver(sent.attempts[0])
    card, _ = await hexa.card("ops")
    await hexa.quiet()
    hexa.clock.advance(seconds=1)
    late = await slack.redeliver(sent.attempts[0], retry_num=2)
    await hexa.quiet()

    assert [early.acknowledged, late.acknowledged] == [True, True]
    assert slack.messages("ops", bot=True) == [card]
    assert len(await hexa.events("approval_requested")) == 1


async def test_a_mention_that_arrives_as_two_events_is_answered_once(hexa: RunningHexa) -> None:
    """app_mention and message.channels of one message have different event ids; so does a copy under a third."""
    slack = hexa.slack
    sent = await slack.send_message("alice", "ops", "<@BOT> pods in shop")
    assert len({attempt.event_id for attempt in sent.attempts}) == 2
    await slack.wait_for_message("ops", sent.ts)
    await slack.redeliver(sent.attempts[0], new_event_id=True)
    await hexa.quiet()

    assert len(slack.messages("ops", sent.ts, bot=True)) == 1
    assert len(slack.calls("chat.postMessage")) == 1


async def test_the_answers_of_hexa_are_not_questions_to_it(hexa: RunningHexa) -> None:
    """Its own messages come back as events; a loop would never end."""
    slack = hexa.slack
    await slack.send_dm("alice", "help")
    await slack.wait_for_message(slack.people.alice)
    await hexa.quiet()

    assert slack.echo
    assert len(slack.messages(slack.people.alice, bot=True)) == 1


async def test_an_edited_request_is_not_asked_again(over_http: RunningHexa) -> None:
    """A corrected typo must not make a second card."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message("alice", "ops", SCALE)
    card, _ = await hexa.card("ops")
    await slack.edit_message(sent, f"{sent.message.text} please")
    await slack.delete_message(sent)
    await hexa.quiet()

    assert slack.messages("ops", bot=True) == [card]


async def test_many_clicks_at_once_are_one_decision(hexa: RunningHexa) -> None:
    """Bob approves three times while dave rejects twice: one of the five counts, four are told so."""
    slack, people = hexa.slack, hexa.slack.people
    await slack.send_message(people.alice, "ops", SCALE)
    card, run_id = await hexa.card("ops")
    clicks = [slack.click(people.bob, "approval.approve", card) for _ in range(3)]
    clicks += [slack.click(people.dave, "approval.reject", card) for _ in range(2)]
    await asyncio.gather(*clicks)
    run = await hexa.run(run_id)
    await hexa.quiet()

    approved = await hexa.events("approval_approved")
    rejected = await hexa.events("approval_rejected")
    assert len(approved) + len(rejected) == 1
    assert run.state == ("succeeded" if approved else "ended")
    assert len(hexa.changes) == len(approved)
    assert len(slack.ephemerals()) == 4
    assert all("already" in one.plain_text() for one in slack.ephemerals())


async def test_a_command_is_its_own_request_each_time(over_http: RunningHexa) -> None:
    """Typing /hexa pods twice is two questions; Slack delivers each once, a copy of one is dropped."""
    hexa, slack = over_http, over_http.slack
    first = await slack.send_command("alice", "ops", "pods in shop")
    await slack.wait_for_message("ops")
    await slack.send_command("alice", "ops", "pods in shop")
    await slack.wait_until(lambda double: len(double.messages("ops", bot=True)) == 2)
    hexa.clock.advance(seconds=1)
    await slack.courier.again(first, retry_num=1)
    await hexa.quiet()

    assert len(slack.messages("ops", bot=True)) == 2
