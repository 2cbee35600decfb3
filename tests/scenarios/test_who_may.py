"""Who is served and who may decide: everybody else is refused with a sentence that helps, and nothing happens."""

import pytest

from tests.fixtures.running import RunningHexa, is_dead

ASKED = "<@BOT> scale web to 5 in shop"


async def test_in_staging_the_requester_approves_their_own_request(over_http: RunningHexa) -> None:
    """The environment asks for one vote, and it may be one's own; in a direct message that makes one card."""
    hexa, slack, alice = over_http, over_http.slack, over_http.slack.people.alice
    await slack.send_dm(alice, "scale web to 2 in staging")
    card, run_id = await hexa.card(alice)
    await slack.click(alice, "approval.approve", card)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "succeeded"
    assert hexa.replicas("web", "staging") == 2
    assert len(slack.messages(bot=True)) == 2, "the card and the closing message, and nobody else was written to"


async def test_a_rejection_is_told_everywhere_and_nothing_runs(over_http: RunningHexa) -> None:
    """In both approvers' direct messages and in the requester's thread, with the name of who rejected."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    sent = await slack.send_dm(people.alice, "scale web to 5 in shop")
    to_bob, run_id = await hexa.card(people.bob)
    to_dave, _ = await hexa.card(people.dave)
    await slack.click(people.bob, "approval.reject", to_bob)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "ended"
    assert hexa.changes == []
    own_card, closing = slack.messages(people.alice, sent.ts, bot=True)
    for copy in (to_bob, to_dave, own_card):
        assert is_dead(copy)
        assert f"Rejected by {people.bob.mention}" in copy.plain_text()
    assert "rejected by" in closing.plain_text()
    assert "Nothing was changed" in closing.plain_text()

    await slack.click(people.dave, "approval.approve", to_dave, stale=True)
    late = await slack.wait_for_ephemeral(people.dave)
    await hexa.quiet()
    assert "already" in late.plain_text()
    assert people.bob.mention in late.plain_text()
    assert hexa.changes == []


async def test_the_requester_may_withdraw_what_they_may_not_approve(over_http: RunningHexa) -> None:
    """Reject by the one who asked counts as withdrawing."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    sent = await slack.send_message(people.alice, "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await slack.click(people.alice, "approval.reject", card)
    await hexa.run(run_id)
    await hexa.quiet()

    assert is_dead(card)
    assert "withdrawn" in slack.messages("ops", sent.ts, bot=True)[-1].plain_text()
    assert [one["actor"] for one in await hexa.events("approval_cancelled")] == ["alice"]


async def test_a_late_click_learns_who_was_first(over_http: RunningHexa) -> None:
    """Dave presses Reject on a screen that still shows the button after bob approved."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    await slack.send_message(people.alice, "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await slack.click(people.bob, "approval.approve", card)
    await hexa.run(run_id)
    await hexa.quiet()
    await slack.click(people.dave, "approval.reject", card, stale=True)
    late = await slack.wait_for_ephemeral(people.dave)
    await hexa.quiet()

    assert f"already approved by {people.bob.mention}" in late.plain_text()
    assert hexa.replicas() == 5
    assert [(one["actor"], one["reason"]) for one in await hexa.events("decision_refused")] == [
        ("dave", "already_decided")
    ]


async def test_a_click_from_a_place_that_never_showed_the_card_is_refused(over_http: RunningHexa) -> None:
    """Bob may approve, but a signed click with the right id from another channel or message is not his click."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    await slack.send_dm(people.alice, "scale web to 5 in shop")
    card, run_id = await hexa.card(people.bob)
    other = await slack.send_message(people.bob, "incident-room", "nothing to see here")
    elsewhere = [("incident-room", other.ts), (card.channel, other.ts), ("incident-room", card.ts)]
    for channel, ts in elsewhere:
        await slack.forged_click(people.bob, "approval.approve", channel=channel, ts=ts, value=run_id)
    await hexa.quiet()

    run = await hexa.core.stores.runs.get(run_id)
    assert run is not None
    assert run.state == "waiting"
    assert hexa.changes == []
    told = [one.plain_text() for one in slack.ephemerals(people.bob)]
    assert len(told) == len(elsewhere)
    assert all("does not belong to a request I posted here" in one for one in told)
    refused = await hexa.events("authorization_denied")
    assert [(one["actor"], one["reason"]) for one in refused] == [("bob", "no_such_card_here")] * len(elsewhere)


async def test_a_click_with_the_id_of_another_run_is_refused(over_http: RunningHexa) -> None:
    """The value must be that of the card that stands there; parameters in it mean nothing."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    await slack.send_message(people.alice, "ops", ASKED)
    card, run_id = await hexa.card("ops")
    for value in ("run-00000000000000000000", "", "scale web 50 -n shop", run_id + "x"):
        await slack.forged_click(people.bob, "approval.approve", channel="ops", ts=card.ts, value=value)
    await hexa.quiet()

    assert hexa.changes == []
    assert not is_dead(card)
    assert len(slack.ephemerals(people.bob)) == 4


@pytest.mark.parametrize("channel", ["ops", "dm"])
async def test_an_unknown_person_gets_the_line_an_admin_has_to_run(over_http: RunningHexa, channel: str) -> None:
    """Slack vouches for erin, hexa.yaml does not know her."""
    hexa, slack = over_http, over_http.slack
    erin = slack.people.add("erin")
    slack.channel("ops").members.append(erin.id)
    if channel == "dm":
        await slack.send_dm(erin, "scale web to 5 in shop")
        told = (await slack.wait_for_message(erin)).plain_text()
    else:
        await slack.send_message(erin, "ops", ASKED)
        told = (await slack.wait_for_ephemeral(erin)).plain_text()
    await hexa.quiet()

    assert "hexa user add erin@example.com --role viewer" in told
    assert hexa.changes == []
    assert slack.find_buttons("approval.approve") == []
    assert "authorization_denied" in [one["type"] for one in await hexa.events()]


async def test_an_unknown_person_may_not_click_either(over_http: RunningHexa) -> None:
    """The card stands in a channel everybody reads."""
    hexa, slack = over_http, over_http.slack
    erin = slack.people.add("erin")
    slack.channel("ops").members.append(erin.id)
    await slack.send_message("alice", "ops", ASKED)
    card, _ = await hexa.card("ops")
    await slack.click(erin, "approval.approve", card)
    told = await slack.wait_for_ephemeral(erin)
    await hexa.quiet()

    assert "hexa user add erin@example.com" in told.plain_text()
    assert not is_dead(card)
    assert "authorization_denied" in [one["type"] for one in await hexa.events()]


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"is_restricted": True}, "guest accounts"),
        ({"is_ultra_restricted": True}, "guest accounts"),
        ({"is_bot": True}, "bots and apps"),
        ({"email": None}, "users:read.email"),
        ({"team_id": "T000OTHER"}, "another Slack workspace|members of the Slack workspace"),
    ],
)
async def test_whoever_is_no_full_member_is_refused_whatever_their_address(
    over_http: RunningHexa, traits: dict[str, object], sentence: str
) -> None:
    """Guests, bots, deactivated accounts, people without a visible e-mail address and people of other teams."""
    slack, stranger = over_http.slack, over_http.slack.people.alice
    for name, value in traits.items():
        setattr(stranger, name, value)
    await slack.send_message(stranger, "ops", ASKED)
    told = await slack.wait_for_ephemeral(stranger)
    await over_http.quiet()

    assert any(one in told.plain_text() for one in sentence.split("|"))
    assert slack.messages("ops", bot=True) == []
    assert over_http.changes == []
    assert [one["outcome"] for one in await over_http.events("authorization_denied")] == ["denied"]


async def test_a_deactivated_account_is_not_served_and_cannot_be_told(over_http: RunningHexa) -> None:
    """Its last message is still under way when the account ends; the refusal stands in the audit trail alone."""
    slack = over_http.slack
    slack.people.alice.deleted = True
    await slack.send_message("alice", "ops", ASKED)

    async def denied() -> bool:
        return bool(await over_http.events("authorization_denied"))

    await over_http.until(denied, "inbox", "messages")
    await over_http.quiet()

    assert slack.messages("ops", bot=True) == []
    assert over_http.changes == []


async def test_a_viewer_is_told_what_is_missing_and_the_refusal_is_audited(over_http: RunningHexa) -> None:
    """Carol may look and may not scale."""
    hexa, slack, carol = over_http, over_http.slack, over_http.slack.people.carol
    sent = await slack.send_message(carol, "ops", ASKED)
    told = await slack.wait_for_message("ops", sent.ts)
    await hexa.quiet()

    assert "deployments.scale" in told.plain_text()
    assert slack.find_buttons("approval.approve") == []
    denied = await hexa.events("authorization_denied")
    assert {one["actor"] for one in denied} == {"carol"}
    assert {one["reason"] for one in denied} == {"insufficient_permissions"}


async def test_who_lost_their_role_after_the_card_was_made_may_not_approve(over_http: RunningHexa) -> None:
    """Policy is evaluated at the click, not when the card was rendered."""
    hexa, slack, bob = over_http, over_http.slack, over_http.slack.people.bob
    await slack.send_message("alice", "ops", ASKED)
    card, _ = await hexa.card("ops")
    configuration = hexa.core.configuration
    kept = [one for one in configuration.bindings() if one.person_id != "bob"]
    await hexa.core.stores.bindings.replace_configured(configuration.people(), kept)
    await slack.click(bob, "approval.approve", card)
    told = await slack.wait_for_ephemeral(bob)
    await hexa.quiet()

    assert "approvals.decide" in told.plain_text()
    assert hexa.changes == []
    assert not is_dead(card)


async def test_a_requester_who_lost_their_role_voids_the_approval(over_http: RunningHexa) -> None:
    """Bob approves, but alice may no longer do what she asked for: nothing runs, and everybody is told."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    sent = await slack.send_message(people.alice, "ops", ASKED)
    card, run_id = await hexa.card("ops")
    configuration = hexa.core.configuration
    kept = [one for one in configuration.bindings() if one.person_id != "alice"]
    await hexa.core.stores.bindings.replace_configured(configuration.people(), kept)
    await slack.click(people.bob, "approval.approve", card)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "ended"
    assert hexa.changes == []
    assert is_dead(card)
    closing = slack.messages("ops", sent.ts, bot=True)[-1].plain_text()
    assert "no longer holds deployments.scale" in closing
    assert [one["outcome"] for one in await hexa.events("approval_void")] == ["void"]


async def test_a_slack_connect_channel_is_no_place_to_work_in(over_http: RunningHexa) -> None:
    """A channel shared with another organisation."""
    slack = over_http.slack
    slack.channel("ops").is_ext_shared = True
    await slack.send_message("alice", "ops", ASKED)
    told = await slack.wait_for_ephemeral("alice")
    await over_http.quiet()

    assert "shared with another organisation" in told.plain_text()
    assert slack.find_buttons("approval.approve") == []
