"""The main job: a Slack message becomes an approved, executed, audited change, over HTTP and Socket Mode alike."""

import re

from tests.fixtures.running import RunningHexa, buttons, is_dead

ASKED = "scale web to 5 in shop"
SCALED = "Scaled web to 5 replicas in namespace shop"


async def test_a_mention_in_a_channel_becomes_a_change_that_bob_approved(hexa: RunningHexa) -> None:
    """The whole path: card, two refusals, one approval sent twice, one PATCH, the outcome in card and thread."""
    slack, people = hexa.slack, hexa.slack.people
    sent = await slack.send_message(people.alice, "ops", f"<@BOT> {ASKED}")
    card, run_id = await hexa.card("ops", thread=sent.ts)
    assert sent.acknowledged

    await slack.click(people.carol, "approval.approve", card)
    await slack.click(people.alice, "approval.approve", card)
    to_carol = await slack.wait_for_ephemeral(people.carol)
    to_alice = await slack.wait_for_ephemeral(people.alice)
    assert "You do not hold approvals.decide" in to_carol.plain_text()
    assert "You asked for this yourself" in to_alice.plain_text()
    assert hexa.replicas() == 3

    first = await slack.click(people.bob, "approval.approve", card)
    second = await slack.click(people.bob, "approval.approve", card, stale=True)
    hexa.clock.advance(seconds=1)  # signed in the same second it would be the same request, and refused as a replay
    again = await slack.courier.again(first, retry_num=1)
    assert [one.acknowledged for one in (first, second, again)] == [True, True, True]
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "succeeded"
    assert hexa.replicas() == 5
    assert [(one.method, one.path) for one in hexa.changes] == [
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale")
    ]
    assert is_dead(card)
    assert f"Approved by {people.bob.mention}" in card.plain_text()
    answers = slack.messages("ops", sent.ts, bot=True)
    assert len(answers) == 2, slack.transcript()
    assert answers[0] is card
    assert SCALED in answers[1].plain_text()
    assert "5 of 5 replicas ready" in answers[1].plain_text()
    assert not slack.failed()


async def test_everything_that_happened_is_in_the_audit_trail_before_it_happened(hexa: RunningHexa) -> None:
    """Who asked, who was refused and why, who approved, what ran as whom; and the chain is whole."""
    slack, people = hexa.slack, hexa.slack.people
    await slack.send_message(people.alice, "ops", f"<@BOT> {ASKED}")
    card, run_id = await hexa.card("ops")
    await slack.click(people.carol, "approval.approve", card)
    await slack.wait_for_ephemeral(people.carol)
    await slack.click(people.alice, "approval.approve", card)
    await slack.wait_for_ephemeral(people.alice)
    await slack.click(people.bob, "approval.approve", card)
    await hexa.run(run_id)
    await hexa.quiet()

    events = await hexa.events()
    refused = [(one["actor"], one["reason"]) for one in events if one["type"] == "decision_refused"]
    assert refused == [("carol", "no_permission"), ("alice", "own_request")]
    story = [(one["type"], one["actor"]) for one in events if one["run_id"] == run_id]
    wanted = [
        ("approval_requested", "alice"), ("decision_refused", "carol"), ("decision_refused", "alice"),
        ("approval_approved", "bob"), ("run_begun", "alice"), ("operation_begun", "alice"),
        ("operation_started", "alice"), ("operation_done", "alice"), ("operation_ended", "alice"),
        ("run_finished", "alice"),
    ]  # fmt: skip
    assert [one for one in story if one in wanted] == wanted
    await hexa.stop()
    await hexa.start()
    assert await hexa.findings() == []
    assert len(await hexa.events()) >= len(events)


async def test_the_card_shows_what_will_happen_and_who_may_allow_it(hexa: RunningHexa) -> None:
    """Object, exact diff, risk, approvers, expiry; buttons that carry an opaque id and nothing else."""
    await hexa.slack.send_message("alice", "ops", f"<@BOT> {ASKED}")
    card, run_id = await hexa.card("ops")

    text, people = card.plain_text(), hexa.slack.people
    assert "Scale web in shop to 5" in text
    assert "Deployment shop/web" in text
    assert "`spec.replicas`: `3` → `5`" in text
    assert "(prod)" in text
    assert f"May approve: {people.bob.mention} or {people.dave.mention}." in text
    assert re.search(r"Expires: <!date\^\d{10}\^", text)
    assert people.alice.mention in text
    assert list(buttons(card)) == ["approval.approve", "approval.reject", "approval.details"]
    assert {one.element["value"] for one in buttons(card).values()} == {run_id}
    assert re.fullmatch(r"run-[0-9a-f]{20}", run_id)
    assert buttons(card)["approval.approve"].element["text"]["text"] == "Scale to 5"
    assert not hexa.slack.warnings


async def test_in_a_direct_message_the_approvers_get_the_card_and_the_requester_its_state(hexa: RunningHexa) -> None:
    """Nobody who may approve reads alice's direct message, so each approver is written to; alice sees no button."""
    slack, people = hexa.slack, hexa.slack.people
    sent = await slack.send_dm(people.alice, ASKED)
    to_bob, run_id = await hexa.card(people.bob)
    to_dave, _ = await hexa.card(people.dave)
    to_alice = await slack.wait_for_message(people.alice, sent.ts)
    await hexa.quiet()

    assert to_alice.elements() == []
    assert "Nothing runs until somebody approves" in to_alice.plain_text()
    assert slack.messages(people.carol, bot=True) == []
    assert slack.messages("ops", bot=True) == []

    await slack.click(people.bob, "approval.approve", to_bob)
    await hexa.run(run_id)
    await hexa.quiet()

    assert hexa.replicas() == 5
    for copy in (to_bob, to_dave, to_alice):
        assert is_dead(copy)
        assert f"Approved by {people.bob.mention}" in copy.plain_text()
        assert SCALED in copy.plain_text()
    closing = slack.messages(people.alice, sent.ts, bot=True)[-1]
    assert closing is not to_alice
    assert SCALED in closing.plain_text()
    assert [len(slack.messages(one, bot=True)) for one in (people.alice, people.bob, people.dave)] == [2, 1, 1]


async def test_a_thread_goes_on_without_a_mention(hexa: RunningHexa) -> None:
    """The second request in the thread of the first needs no @; the namespace of a change is still never guessed."""
    slack, people = hexa.slack, hexa.slack.people
    sent = await slack.send_message(people.alice, "ops", "<@BOT> status web in shop")
    status = await slack.wait_for_message("ops", sent.ts)
    assert "web in shop is healthy" in status.plain_text()

    await slack.send_message(people.alice, "ops", "pods", thread=sent)
    pods = await slack.wait_for_message("ops", sent.ts, where=lambda m: "CrashLoopBackOff" in m.plain_text())
    await slack.send_message(people.alice, "ops", "scale web to 5", thread=sent)
    asked_back = await slack.wait_for_message("ops", sent.ts, where=lambda m: "which namespace" in m.plain_text())
    await slack.send_message(people.alice, "ops", ASKED, thread=sent)
    card, run_id = await hexa.card("ops", thread=sent.ts)
    await slack.click(people.bob, "approval.approve", card)
    await hexa.run(run_id)
    await hexa.quiet()

    told = slack.messages("ops", sent.ts, bot=True)
    assert told[:4] == [status, pods, asked_back, card]
    assert SCALED in told[4].plain_text()
    assert len(told) == 5


async def test_a_slash_command_is_answered_below_a_message_of_its_own(hexa: RunningHexa) -> None:
    """``/hexa scale web 5 -n shop`` has no message to answer to, so the card becomes the root of a thread."""
    slack, people = hexa.slack, hexa.slack.people
    attempt = await slack.send_command(people.alice, "ops", "scale web 5 -n shop")
    assert attempt.acknowledged
    card, run_id = await hexa.card("ops")
    assert not card.is_reply

    await slack.click(people.bob, "approval.approve", card)
    await hexa.run(run_id)
    closing = await slack.wait_for_message("ops", card.ts, where=lambda m: m.is_reply)
    await hexa.quiet()

    assert hexa.replicas() == 5
    assert SCALED in closing.plain_text()
    assert len(slack.messages("ops", bot=True)) == 2
    assert is_dead(card)


async def test_details_are_shown_to_whoever_asks_for_them_alone(hexa: RunningHexa) -> None:
    """Carol may not decide, but may read what the approval covers: steps, parameters, digest."""
    slack, people = hexa.slack, hexa.slack.people
    await slack.send_message(people.alice, "ops", f"<@BOT> {ASKED}")
    card, run_id = await hexa.card("ops")
    await slack.click(people.carol, "approval.details", card)
    details = await slack.wait_for_ephemeral(people.carol)

    run = await hexa.core.stores.runs.get(run_id)
    assert run is not None
    assert run.plan.digest in details.plain_text()
    assert "scale_deployment" in details.plain_text()
    assert run.state == "waiting"


async def test_two_requests_are_two_cards_and_each_click_decides_its_own(hexa: RunningHexa) -> None:
    """Approving the one leaves the other waiting."""
    slack, people = hexa.slack, hexa.slack.people
    web = await slack.send_message(people.alice, "ops", f"<@BOT> {ASKED}")
    card_of_web, run_of_web = await hexa.card("ops", thread=web.ts)
    api = await slack.send_message(people.alice, "ops", "<@BOT> scale api to 4 in shop")
    await slack.wait_until(lambda double: len(double.find_buttons("approval.approve", "ops")) == 2)
    card_of_api, _ = await hexa.card("ops", thread=api.ts)

    await slack.click(people.bob, "approval.approve", card_of_web)
    await hexa.run(run_of_web)
    await hexa.quiet()

    assert (hexa.replicas("web"), hexa.replicas("api")) == (5, 2)
    assert is_dead(card_of_web)
    assert not is_dead(card_of_api)
