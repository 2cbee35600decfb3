"""Requests by message and command, over HTTP, until the answer stands in Slack."""

from agents import replies
from agents.chat.conversation import Answer


async def test_a_direct_message_is_answered_in_its_thread(house):
    """The whole way: signature, inbox, identity, conversation, stored message, post."""
    sent = await house.slack.send_dm("alice", "pods in shop")

    answer = await house.slack.wait_for_message(house.slack.dm("alice"), sent.thread_ts)

    assert "I heard: `pods in shop`" in answer.plain_text()
    assert sent.acknowledged
    assert not house.slack.refusals


async def test_a_mention_that_arrives_as_two_events_is_answered_once(house):
    """app_mention and message have different event ids and are one message."""
    sent = await house.slack.send_message("alice", "ops", "<@BOT> pods")
    await house.slack.wait_for_message("ops", sent.thread_ts)
    await house.dispatcher.idle()

    assert [attempt.event["type"] for attempt in sent.attempts] == ["app_mention", "message"]
    assert [question.text for question in house.conversation.asked] == ["pods"]


async def test_the_request_is_marked_as_seen(house):
    """A person sees within a second that somebody is at work."""
    sent = await house.slack.send_message("alice", "ops", "<@BOT> pods")

    await house.slack.wait_until(lambda _: "eyes" in sent.message.reactions)


async def test_a_reaction_that_fails_does_not_fail_the_turn(house):
    """Decoration is not worth an answer."""
    house.slack.faults.refuse("reactions.add", "missing_scope", times=None)

    sent = await house.slack.send_dm("alice", "pods")

    assert await house.slack.wait_for_message(house.slack.dm("alice"), sent.thread_ts)


async def test_a_follow_up_in_a_thread_of_ours_needs_no_mention(house):
    """Who talks in a thread with Hexa talks to Hexa."""
    first = await house.slack.send_message("alice", "ops", "<@BOT> pods")
    await house.slack.wait_for_message("ops", first.thread_ts)

    await house.slack.send_message("alice", "ops", "and the logs?", thread=first)

    await house.slack.wait_for_message("ops", first.thread_ts, where=lambda m: "and the logs?" in m.plain_text())


async def test_chatter_that_is_not_for_us_is_not_answered(house):
    """Neither in the channel nor in somebody else's thread, nor to somebody named first."""
    plain = await house.slack.send_message("alice", "ops", "lunch?")
    await house.slack.send_message("bob", "ops", "sure", thread=plain)
    mine = await house.slack.send_message("alice", "ops", "<@BOT> pods")
    await house.slack.wait_for_message("ops", mine.thread_ts)
    await house.slack.send_message("alice", "ops", f"{house.slack.people.bob.mention} can you look?", thread=mine)
    await house.dispatcher.idle()

    assert [question.text for question in house.conversation.asked] == ["pods"]


async def test_a_command_is_answered_in_the_channel_and_its_thread_goes_on(house):
    """The first message posted is the root of the command's conversation."""
    await house.slack.send_command("alice", "ops", "pods -n shop")
    root = await house.slack.wait_for_message("ops")

    await house.slack.send_message("alice", "ops", "again", thread=root)
    await house.slack.wait_for_message("ops", root.ts, where=lambda m: "again" in m.plain_text())
    asked = house.conversation.asked
    sessions = [await house.stores.sessions.find(surface="slack", key=question.key) for question in asked]

    assert "`/hexa pods -n shop`" in root.plain_text()
    assert sessions[0] is not None
    assert sessions[0].id == sessions[1].id


async def test_a_command_where_the_bot_is_not_is_answered_to_the_sender_alone(house):
    """chat.postMessage is refused there; the command brought an address of its own."""
    alice = house.slack.people.alice
    house.slack.add_channel("quiet", alice)

    await house.slack.send_command(alice, "quiet", "pods")

    answer = await house.slack.wait_for_ephemeral(alice)
    assert "I heard: `pods`" in answer.plain_text()


async def test_a_mention_without_words_asks_for_help(house):
    """Nobody is left without an answer."""
    await house.slack.send_message("alice", "ops", "<@BOT>")
    await house.slack.wait_for_message("ops")

    assert house.conversation.asked[0].text == "help"


async def test_a_stranger_gets_the_line_that_adds_them(house):
    """Known to Slack, unknown to hexa.yaml: the exact command, to them alone."""
    dave = house.slack.people.dave
    sent = await house.slack.send_message(dave, "ops", "<@BOT> pods")

    answer = await house.slack.wait_for_ephemeral(dave)

    records = [record.event async for record in house.stores.audit.records("default")]

    assert "hexa user add dave@example.com --role viewer" in answer.plain_text()
    assert not house.slack.messages("ops", sent.thread_ts, bot=True)
    assert not house.conversation.asked
    assert [(each["type"], each["actor"], each["reason"]) for each in records] == [
        ("authorization_denied", f"slack:{dave.team_id}:{dave.id}", "unknown_person")
    ]


async def test_a_stranger_in_a_direct_message_gets_a_lasting_answer(house):
    """An ephemeral message in a direct message would be gone after a reload."""
    sent = await house.slack.send_dm("dave", "pods")

    answer = await house.slack.wait_for_message(house.slack.dm("dave"), sent.thread_ts)

    assert "I do not know you yet." in answer.plain_text()


async def test_a_guest_is_refused(house):
    """Whatever their e-mail says."""
    house.slack.people.alice.is_restricted = True

    await house.slack.send_message("alice", "ops", "<@BOT> pods")

    answer = await house.slack.wait_for_ephemeral("alice")
    assert "guest accounts" in answer.plain_text()


async def test_a_shared_channel_is_refused(house):
    """What is said there is read by another company."""
    house.slack.channel("ops").is_ext_shared = True

    await house.slack.send_message("alice", "ops", "<@BOT> pods")

    answer = await house.slack.wait_for_ephemeral("alice")
    assert "shared with another organisation" in answer.plain_text()
    assert not house.conversation.asked


async def test_a_turn_that_keeps_failing_ends_with_an_error_and_a_request_id(house):
    """Tried again a few times, then said; never silent and never stuck."""

    async def broken(question, session_id):
        raise RuntimeError("no luck")

    house.conversation.answer = broken
    house.service._turns._sleep = _at_once
    sent = await house.slack.send_dm("alice", "pods")

    answer = await house.slack.wait_for_message(house.slack.dm("alice"), sent.thread_ts)

    assert len(house.conversation.asked) == 5
    assert "Something went wrong on my side" in answer.plain_text()
    assert await house.stores.inbox.lanes() == []


async def test_a_turn_that_fails_once_is_tried_again(house):
    """The same question with the same trigger, and one answer."""

    async def once(question, session_id):
        if len(house.conversation.asked) == 1:
            raise RuntimeError("hiccup")
        return Answer(session_id, replies.reply("fine"))

    house.conversation.answer = once
    house.service._turns._sleep = _at_once
    sent = await house.slack.send_dm("alice", "pods")

    answer = await house.slack.wait_for_message(house.slack.dm("alice"), sent.thread_ts)

    assert answer.text == "fine"
    assert house.conversation.asked[0] == house.conversation.asked[1]


async def _at_once(_seconds):
    return None


async def test_the_message_shortcut_is_answered(house):
    """With what to do; the words of somebody else are no request."""
    written = await house.slack.send_message("bob", "ops", "ALERT checkout is down", events=())

    await house.slack.use_shortcut("alice", "hexa_ask_message", written.message)

    answer = await house.slack.wait_for_ephemeral("alice")
    assert "reply in its thread and mention me" in answer.plain_text()
