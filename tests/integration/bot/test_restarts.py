"""What was accepted before a process ended is answered by the next one, once."""

import asyncio

from agents import replies
from agents.chat.conversation import Answer
from tests.integration.bot.house import House

APPROVE = "approval.approve"


async def drive(house: House) -> None:
    """What a start does: every lane with unfinished items."""
    for lane in await house.stores.inbox.lanes():
        house.dispatcher.turn(lane)
    await house.dispatcher.idle()


async def test_a_question_cut_off_in_the_middle_is_answered_by_the_next_process(tmp_path):
    """It was acknowledged, so nobody else would ask it again."""
    async with House(tmp_path) as house:
        reached = asyncio.Event()

        async def hang(question, session_id):
            reached.set()
            await asyncio.Event().wait()

        house.conversation.answer = hang
        sent = await house.slack.send_dm("alice", "pods")
        await asyncio.wait_for(reached.wait(), 5)
        await house.stop()

        async def answer(question, session_id):
            return Answer(session_id, replies.reply("here"))

        house.conversation.answer = answer
        await house.start()
        await drive(house)
        await house.slack.wait_for_message(house.slack.dm("alice"), sent.thread_ts)

        assert [each.text for each in house.slack.messages(bot=True)] == ["here"]
        assert house.conversation.asked[0].trigger == house.conversation.asked[1].trigger


async def test_an_answer_stored_before_the_end_is_not_stored_again(tmp_path, monkeypatch):
    """Killed between storing the answer and finishing the item."""
    async with House(tmp_path) as house:
        stored = asyncio.Event()
        finish = house.stores.inbox.finish

        async def hang(item_id, *, outcome):
            stored.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(house.stores.inbox, "finish", hang)
        await house.slack.send_dm("alice", "pods")
        await asyncio.wait_for(stored.wait(), 5)
        await house.stop()
        monkeypatch.setattr(house.stores.inbox, "finish", finish)

        await house.start()
        await drive(house)
        await house.slack.wait_for_message(house.slack.dm("alice"))
        await house.slack.settled()

        assert len(house.slack.messages(bot=True)) == 1
        assert await house.stores.inbox.lanes() == []


async def test_a_decision_made_before_the_end_is_not_explained_as_a_late_click(tmp_path, monkeypatch):
    """The click did take effect; telling its author that somebody was faster would be wrong."""
    async with House(tmp_path) as house:
        house.conversation.answer = house.ask_for_change
        await house.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
        card, _ = await house.slack.wait_for_button(APPROVE, "ops")
        await house.dispatcher.idle()
        decided = asyncio.Event()
        finish = house.stores.inbox.finish

        async def hang(item_id, *, outcome):
            decided.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(house.stores.inbox, "finish", hang)
        await house.slack.click("bob", APPROVE, card)
        await asyncio.wait_for(decided.wait(), 5)
        await house.stop()
        monkeypatch.setattr(house.stores.inbox, "finish", finish)

        await house.start()
        await drive(house)
        await house.slack.wait_until(lambda _: not card.action_ids)

        assert house.dispatcher.advanced == ["run-1"]
        assert house.decisions.calls == [("bob", "approved")]
        assert not house.slack.ephemerals("bob")
