"""What Slack does to outgoing messages, and what becomes of them: each is shown once, in order, in its last state."""

import asyncio
from datetime import UTC, datetime

import pytest

from agents import replies
from bot import pacing, places
from tests.fixtures.slack import Fault
from tests.integration.bot.house import House, waiting_run
from workflows import runs
from workflows.ports import Message, Place, Ruling

TEAM = "T000HEXA"


def message(name: str, place: Place, text: str = "") -> Message:
    body = replies.reply(text or name).model_dump(mode="json")
    return Message(id=name, key=name, kind="reply", place=place, body=body)


async def thread(house: House) -> Place:
    """A thread alice opened in #ops."""
    sent = await house.slack.send_message("alice", "ops", "hello", events=())
    return places.thread(team=TEAM, channel=sent.channel, root=sent.ts)


def posted(house: House) -> list[str]:
    return [each.text for each in house.slack.messages(bot=True)]


@pytest.fixture(autouse=True)
def failures_are_retried_soon(monkeypatch):
    """Backoff and rests in milliseconds; what Slack asks for is kept."""
    monkeypatch.setattr(pacing, "SHORTEST", 0.02)
    monkeypatch.setattr(pacing, "LONGEST", 0.05)
    monkeypatch.setattr(pacing, "REST", 0.02)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_tried_again(house, status):
    """Slack was in trouble; the message is late, not lost."""
    house.slack.faults.fail("chat.postMessage", status=status, times=2)

    await house.stores.messages.add(message("m1", await thread(house)))

    assert (await house.slack.wait_for_message("ops")).text == "m1"
    await settled(house)
    assert posted(house) == ["m1"]


async def test_a_rate_limit_is_obeyed(house):
    """Nothing is sent by that method before Slack allows it again."""
    house.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    place = await thread(house)

    await house.stores.messages.add(message("m1", place), message("m2", place))
    await house.slack.wait_for_message("ops", where=lambda m: m.text == "m2", timeout=8)

    calls = house.slack.calls("chat.postMessage")
    assert calls[1].at - calls[0].at >= 1
    assert posted(house) == ["m1", "m2"]


async def test_an_answer_that_was_lost_leads_to_no_second_message(house):
    """The connection broke after Slack had posted: the message is found by its id and adopted."""
    house.slack.faults.drop("chat.postMessage", applied=True)

    await house.stores.messages.add(message("m1", await thread(house)))
    await settled(house)

    assert posted(house) == ["m1"]
    assert [call.method for call in house.slack.calls("conversations.replies")] == ["conversations.replies"]


async def test_a_server_error_after_the_fact_leads_to_no_second_message(house):
    """Some failures of Slack come after the work was done."""
    house.slack.faults.add("chat.postMessage", Fault(status=502, error="internal_error", applied=True))

    await house.stores.messages.add(message("m1", await thread(house)))
    await settled(house)

    assert posted(house) == ["m1"]


async def test_a_process_that_dies_while_posting_finds_its_message_again(tmp_path):
    """Killed between the post and its record; the next process adopts instead of posting twice."""
    async with House(tmp_path) as house:
        fault = house.slack.faults.hold("chat.postMessage")
        fault.applied, fault.drop = True, True
        await house.stores.messages.add(message("m1", await thread(house)))
        await asyncio.wait_for(fault.reached.wait(), 5)
        await house.stop()
        fault.gate.set()
        await house.slack.wait_for_message("ops")

        await house.start()
        await settled(house)

        assert posted(house) == ["m1"]


async def test_an_adopted_card_is_brought_up_to_date(house):
    """In which state it was posted nobody knows, so it is edited once."""
    house.slack.faults.drop("chat.postMessage", applied=True)
    run = await a_run(house)
    card, _ = await house.slack.wait_for_button("approval.approve", "ops")

    await decide(house, run)
    await house.slack.wait_until(lambda _: not card.action_ids)

    assert len(house.slack.messages(bot=True)) == 1


async def test_where_slack_does_not_let_us_look_the_message_is_posted(house):
    """Rather twice than never, when the app lacks the scope."""
    house.slack.faults.drop("chat.postMessage")
    house.slack.faults.refuse("conversations.replies", "missing_scope", times=None)

    await house.stores.messages.add(message("m1", await thread(house)))

    assert (await house.slack.wait_for_message("ops")).text == "m1"


async def test_messages_of_a_thread_keep_their_order_when_the_first_is_delayed(house):
    """An answer does not overtake the one before it."""
    house.slack.faults.fail("chat.postMessage", times=2)
    place = await thread(house)

    await house.stores.messages.add(*(message(f"m{n}", place) for n in range(4)))
    await house.slack.wait_for_message("ops", where=lambda m: m.text == "m3")

    assert posted(house) == ["m0", "m1", "m2", "m3"]


async def test_a_thread_in_trouble_does_not_delay_others(house):
    """Conversations do not wait for each other."""
    stuck, free = await thread(house), await thread(house)
    fault = house.slack.faults.hold("chat.postMessage")
    await house.stores.messages.add(message("stuck", stuck))
    await asyncio.wait_for(fault.reached.wait(), 5)

    await house.stores.messages.add(message("free", free))

    assert (await house.slack.wait_for_message("ops")).text == "free"
    fault.gate.set()


async def test_blocks_slack_does_not_take_are_replaced_by_plain_text(house):
    """The bot is not silent because of a layout."""
    house.slack.faults.refuse("chat.postMessage", "invalid_blocks")

    await house.stores.messages.add(message("m1", await thread(house), "the point"))
    shown = await house.slack.wait_for_message("ops")

    assert shown.text == "the point"
    assert shown.blocks == []


async def test_a_closed_thread_leads_to_a_direct_message(house):
    """The channel was archived while the answer was worked on."""
    place = await thread(house)
    house.slack.channel("ops").is_archived = True
    address = {**place.address, "user": house.slack.people.alice.id}

    await house.stores.messages.add(message("m1", Place("slack", address)))

    assert (await house.slack.wait_for_message(house.slack.dm("alice"))).text == "m1"


async def test_what_cannot_be_told_anywhere_is_given_up_with_a_log_line(house, caplog):
    """And does not block what comes after it."""
    nowhere = places.channel(team=TEAM, channel="C0NOWHERE")

    await house.stores.messages.add(message("lost", nowhere), message("m2", await thread(house)))
    await house.slack.wait_for_message("ops")
    await settled(house)

    assert "message lost (lost) is not shown in Slack" in caplog.text


async def test_links_are_not_unfurled_and_nothing_is_parsed(house):
    """An unfurl is a request to an address somebody else chose."""
    await house.stores.messages.add(message("m1", await thread(house), "see http://evil.example/?q=1 <!channel>"))
    shown = await house.slack.wait_for_message("ops")

    assert not shown.arguments["unfurl_links"]
    assert not shown.arguments["unfurl_media"]
    assert "<!channel>" not in shown.plain_text()


async def test_a_decision_is_shown_at_once_and_progress_is_merged(house):
    """Twenty notes of progress make few edits; the end is shown whatever the pace."""
    run = await a_run(house)
    card, _ = await house.slack.wait_for_button("approval.approve", "ops")
    await decide(house, run)
    await house.slack.wait_until(lambda _: not card.action_ids)
    before = len(house.slack.calls("chat.update"))
    epoch = (await house.stores.runs.claim(run.id)).epoch
    assert await house.stores.runs.consume(run.id, epoch=epoch, now=datetime.now(UTC), events=[])
    await house.stores.runs.begin(run.id, epoch=epoch, step_id="scale", now=datetime.now(UTC), events=[])

    for _ in range(20):
        await touch(house, run)
    await house.stores.runs.finish(
        run.id, epoch=(await house.stores.runs.get(run.id)).epoch, state=runs.RunState.SUCCEEDED, summary="web has 6",
        now=datetime.now(UTC),
    )  # fmt: skip
    await house.slack.wait_until(lambda _: "web has 6" in card.plain_text(), timeout=1.5)

    assert len(house.slack.calls("chat.update")) - before <= 3


async def test_a_token_that_was_revoked_loses_nothing(house):
    """Somebody repairs the installation, then everything is posted."""
    house.slack.faults.refuse("chat.postMessage", "token_revoked", times=2)

    await house.stores.messages.add(message("m1", await thread(house)))

    assert (await house.slack.wait_for_message("ops")).text == "m1"


async def a_run(house: House) -> runs.Run:
    """A run that waits, asked for in #ops."""
    place = await thread(house)
    key = places.thread_key(team=TEAM, channel=place.address["channel"], root=place.address["thread_ts"])
    session = await house.stores.sessions.open(surface="slack", key=key, workspace_id="default")
    run = waiting_run("run-1", session.id, "alice")
    await house.stores.runs.create(run, messages=house.service.placing.cards(run, session), events=[])
    return run


async def decide(house: House, run: runs.Run) -> None:
    ruling = Ruling(runs.Decision.APPROVED, "bob", datetime.now(UTC))
    assert await house.stores.approvals.decide(run.approval.id, ruling, events=[])


async def touch(house: House, run: runs.Run) -> None:
    """Raise the run's version without changing what is decided."""
    current = await house.stores.runs.get(run.id)
    detail = f"{current.version} seen"
    await house.stores.runs.note(run.id, epoch=current.epoch, step_id="scale", detail=detail)


async def settled(house: House) -> None:
    """Nothing is left to be shown."""

    async def clear() -> bool:
        return await house.stores.messages.next_due("slack") is None and not await house.stores.messages.due(
            "slack", datetime.now(UTC)
        )

    async with asyncio.timeout(5):
        seen = house.stores.changed.version("messages")
        while not await clear():
            seen = await house.stores.changed.wait("messages", seen, 0.5)
