"""Runs that wait: where their cards go, who may click, and what everybody sees afterwards."""

import json

import pytest

from tests.integration.bot.house import House, waiting_run

APPROVE, REJECT, DETAILS = "approval.approve", "approval.reject", "approval.details"


@pytest.fixture
async def changes(house):
    """A house in which every question becomes a run that waits for bob."""
    house.conversation.answer = house.ask_for_change
    return house


async def test_in_a_public_channel_the_card_stands_in_the_thread_with_buttons(changes):
    """Approvers can read it there, so nobody is disturbed elsewhere."""
    sent = await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")

    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    assert card.thread_ts == sent.thread_ts
    assert card.action_ids == [APPROVE, REJECT, DETAILS]
    assert [message.channel for message in changes.slack.messages(bot=True)] == [sent.channel]


async def test_an_approver_clicks_and_every_copy_shows_the_decision(changes):
    """The click is acknowledged at once; the card loses its buttons and names who decided."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    attempt = await changes.slack.click("bob", APPROVE, card)
    await changes.slack.wait_until(lambda _: not card.action_ids)

    assert attempt.acknowledged
    assert f"Approved by {changes.slack.people.bob.mention}" in card.plain_text()
    assert changes.dispatcher.advanced == ["run-1"]
    assert not changes.slack.refusals


async def test_somebody_who_may_not_decide_is_told_why_in_private(changes):
    """The card stays as it is; the reason is for the one who clicked."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    await changes.slack.click("carol", APPROVE, card)
    refusal = await changes.slack.wait_for_ephemeral("carol")

    assert "You may not decide this" in refusal.plain_text()
    assert APPROVE in card.action_ids
    assert changes.dispatcher.advanced == []


async def test_a_double_click_has_one_effect_and_one_explanation(changes):
    """The second click finds the decision made."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    await changes.slack.click("bob", APPROVE, card)
    await changes.slack.wait_until(lambda _: not card.action_ids)
    await changes.slack.click("bob", APPROVE, card, stale=True)
    explanation = await changes.slack.wait_for_ephemeral("bob")

    assert "decided already" in explanation.plain_text()
    assert changes.dispatcher.advanced == ["run-1"]


async def test_details_are_shown_in_private(changes):
    """Digests and parameters are not for the whole channel."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    await changes.slack.click("carol", DETAILS, card)
    shown = await changes.slack.wait_for_ephemeral("carol")

    assert "d" * 64 in shown.plain_text()


async def test_a_click_from_where_no_card_stands_is_not_believed(changes):
    """A forged message with a copied button decides nothing."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")
    elsewhere = await changes.slack.send_message("bob", "ops", "look at this")

    await changes.slack.forged_click("bob", APPROVE, value="run-1", channel="ops", ts=elsewhere.ts)
    refusal = await changes.slack.wait_for_ephemeral("bob")

    assert "does not belong to a request I posted here" in refusal.plain_text()
    assert changes.decisions.calls == []
    assert APPROVE in card.action_ids


async def test_a_button_with_the_value_of_another_run_is_not_believed(changes):
    """The location must be that of the very card."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, _ = await changes.slack.wait_for_button(APPROVE, "ops")

    await changes.slack.forged_click("bob", APPROVE, value="run-2", channel="ops", ts=card.ts)
    await changes.slack.wait_for_ephemeral("bob")

    assert changes.decisions.calls == []


async def test_from_a_direct_message_each_approver_gets_a_card_and_the_requester_a_status(changes):
    """Approvers cannot read alice's direct messages."""
    await changes.slack.send_dm("alice", "scale web to 6")

    theirs, _ = await changes.slack.wait_for_button(APPROVE, changes.slack.dm("bob"))
    mine = await changes.slack.wait_for_message(changes.slack.dm("alice"))
    await changes.slack.click("bob", APPROVE, theirs)
    await changes.slack.wait_until(
        lambda _: "Approved by" in mine.plain_text() and "Approved by" in theirs.plain_text()
    )

    assert mine.action_ids == []
    assert theirs.action_ids == []


async def test_a_requester_who_may_decide_has_the_buttons_in_their_own_thread(changes):
    """As in staging; nobody else is disturbed."""
    changes.decisions.may_decide = {"alice", "bob"}
    sent = await changes.slack.send_dm("alice", "scale web to 6")

    card, _ = await changes.slack.wait_for_button(APPROVE, changes.slack.dm("alice"))

    assert card.thread_ts == sent.thread_ts
    assert not changes.slack.messages(changes.slack.dm("bob"), bot=True)


async def test_a_private_channel_without_approvers_sends_them_a_card(changes):
    """Membership decides, not the kind of channel alone."""
    people = changes.slack.people
    changes.slack.add_channel("secret", people.alice, people.bot, kind="private")

    await changes.slack.send_message("alice", "secret", "<@BOT> scale web to 6")

    assert await changes.slack.wait_for_button(APPROVE, changes.slack.dm("bob"))
    mine = await changes.slack.wait_for_message("secret")
    assert mine.action_ids == []


async def test_the_approvals_channel_gets_the_card_where_there_is_one(tmp_path):
    """Instead of direct messages."""
    async with House(tmp_path, autostart=False) as house:
        people = house.slack.people
        channel = house.slack.add_channel("approvals", people.bob, people.bot, kind="private")
        house.settings = {"approvals_channels": {"default": channel.id}}
        await house.start()
        house.conversation.answer = house.ask_for_change

        await house.slack.send_dm("alice", "scale web to 6")

        assert await house.slack.wait_for_button(APPROVE, "approvals")
        assert not house.slack.messages(house.slack.dm("bob"), bot=True)


async def test_an_approvals_channel_that_is_closed_to_us_leads_to_direct_messages(tmp_path):
    """A wrong setting must not hide what waits."""
    async with House(tmp_path, settings={"approvals_channels": {"default": "C0NOWHERE"}}) as house:
        house.conversation.answer = house.ask_for_change

        await house.slack.send_dm("alice", "scale web to 6")

        assert await house.slack.wait_for_button(APPROVE, house.slack.dm("bob"))


async def test_when_no_approver_can_be_reached_the_requester_is_told(changes):
    """Nothing waits unseen."""
    changes.slack.people.bob.deleted = True
    sent = await changes.slack.send_dm("alice", "scale web to 6")

    notice = await changes.slack.wait_for_message(
        changes.slack.dm("alice"), sent.thread_ts, where=lambda m: "can be reached in Slack" in m.plain_text()
    )

    assert "hexa approvals" in notice.plain_text()


async def test_a_command_where_the_bot_is_not_leads_to_a_card_in_person(changes):
    """A response_url cannot be edited for hours, so the requester follows the run in a direct message."""
    alice = changes.slack.people.alice
    changes.slack.add_channel("quiet", alice)

    await changes.slack.send_command(alice, "quiet", "scale web 6")

    assert await changes.slack.wait_for_button(APPROVE, changes.slack.dm("bob"))
    status = await changes.slack.wait_for_message(changes.slack.dm(alice))
    assert "Scale web to 6" in status.plain_text()


async def test_a_run_from_the_console_is_shown_to_approvers_alone(changes):
    """There is no thread to keep a status in."""
    session = await changes.stores.sessions.open(surface="console", key="c1", workspace_id="default")
    run = waiting_run("run-console", session.id, "alice")

    await changes.stores.runs.create(run, messages=changes.service.placing.cards(run, session), events=[])

    assert await changes.slack.wait_for_button(APPROVE, changes.slack.dm("bob"))
    assert len(changes.slack.messages(bot=True)) == 1


async def test_the_button_carries_the_run_and_nothing_else(changes):
    """Parameters in a button would be the client's to change."""
    await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    card, button = await changes.slack.wait_for_button(APPROVE, "ops")

    assert button.element["value"] == "run-1"
    assert button.element["style"] == "primary"
    assert button.element["text"]["text"] == "Scale to 6"
    assert json.dumps(card.metadata["event_payload"]).count(":") == 1


async def test_the_same_question_again_makes_no_second_card(changes):
    """Slack delivers at least once."""
    sent = await changes.slack.send_message("alice", "ops", "<@BOT> scale web to 6")
    await changes.slack.wait_for_button(APPROVE, "ops")

    await changes.slack.redeliver(sent.attempts[0])
    await changes.slack.redeliver(sent.attempts[0], new_event_id=True)
    await changes.dispatcher.idle()

    assert len(changes.conversation.asked) == 1
