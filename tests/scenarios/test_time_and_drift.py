"""An approval is for what was shown, and for a while: what moved or took too long is not done."""

import asyncio
from typing import Any

import aiohttp

from demo import resources
from demo.store import Change
from tests.fixtures.running import RunningHexa, is_dead

ASKED = "<@BOT> scale web to 5 in shop"
SCALE = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
HURRIED = """
workspaces: [{id: demo, clusters: [demo]}]
clusters:
  - name: demo
    kubeconfig: "{data_dir}/demo.kubeconfig"
    environments: {shop: prod, staging: staging}
users:
  - {id: alice, email: alice@example.com, name: Alice, roles: [{role: operator, workspace: demo}]}
  - {id: bob, email: bob@example.com, name: Bob, roles: [{role: approver, workspace: demo}]}
policies:
  rules:
    - name: decide at once
      approval: {expires_after: 1s}
"""


async def scale_with_another_client(hexa: RunningHexa, replicas: int) -> None:
    """As kubectl does, with the demo's own credentials."""
    patch = {"spec": {"replicas": replicas}}
    headers = {"Authorization": f"Bearer {hexa.cluster.token}", "Content-Type": "application/merge-patch+json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.patch(hexa.cluster.url + SCALE, json=patch, ssl=False) as answer,
    ):
        assert answer.status == 200


def by_hexa(hexa: RunningHexa) -> list[Any]:
    return [one for one in hexa.changes if one.query.get("fieldManager") == "hexa"]


async def test_what_moved_after_the_card_is_not_changed_and_a_new_card_comes(hexa: RunningHexa) -> None:
    """Somebody scales web to 4 before bob approves 3 -> 5: nothing runs, 4 -> 5 is asked for, and bob can approve that."""
    slack = hexa.slack
    sent = await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await scale_with_another_client(hexa, 4)
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id)
    fresh, fresh_id = (await slack.wait_until(lambda double: double.find_buttons("approval.approve", "ops")))[0]
    await hexa.quiet()

    assert run.state == "ended"
    assert by_hexa(hexa) == []
    assert hexa.replicas() == 4
    assert is_dead(card)
    assert "changed after the card was made" in card.plain_text()
    assert fresh.root_ts == sent.ts
    assert "`spec.replicas`: `4` → `5`" in fresh.plain_text()
    assert [one["outcome"] for one in await hexa.events("approval_void")] == ["void"]

    await slack.click("bob", "approval.approve", fresh)
    second = await hexa.run(str(fresh_id.element["value"]))
    await hexa.quiet()
    assert second.state == "succeeded"
    assert len(by_hexa(hexa)) == 1
    assert hexa.replicas() == 5


async def test_what_moved_there_by_itself_needs_no_new_card(over_http: RunningHexa) -> None:
    """Somebody else did it already: nothing runs, and that is what is said."""
    hexa, slack = over_http, over_http.slack
    sent = await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await scale_with_another_client(hexa, 5)
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "ended"
    assert by_hexa(hexa) == []
    assert slack.find_buttons("approval.approve") == []
    assert is_dead(card)
    assert "Not run" in slack.messages("ops", sent.ts, bot=True)[-1].plain_text()


async def test_pods_that_come_and_go_are_no_drift(over_http: RunningHexa) -> None:
    """The status of a Deployment, and with it its resourceVersion, moves all the time; the approval holds."""
    hexa, slack = over_http, over_http.slack
    await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    before = hexa.deployment("web")
    pod = next(one for one in hexa.cluster.store.listed(resources.PODS, "shop") if "web-" in one["metadata"]["name"])
    moved = asyncio.Event()

    def noticed(change: Change) -> None:
        if change.resource == resources.DEPLOYMENTS.key and change.object["metadata"]["name"] == "web":
            moved.set()

    hexa.cluster.store.subscribe(noticed)
    hexa.cluster.store.delete(resources.PODS, "shop", pod["metadata"]["name"])
    await asyncio.wait_for(moved.wait(), 5)
    assert hexa.deployment("web")["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    await slack.click("bob", "approval.approve", card)
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert hexa.deployment("web")["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert run.state == "succeeded"
    assert hexa.replicas() == 5


async def test_a_request_nobody_decided_expires_everywhere(over_http: RunningHexa) -> None:
    """The timer ends it: cards in both direct messages lose their buttons, the thread is told, a click comes too late."""
    hexa, slack, people = over_http, over_http.slack, over_http.slack.people
    sent = await slack.send_dm(people.alice, "scale web to 5 in shop")
    to_bob, run_id = await hexa.card(people.bob)
    to_dave, _ = await hexa.card(people.dave)
    await hexa.quiet()
    hexa.clock.advance(minutes=31)
    hexa.core.stores.changed.notify("timers")  # the clock was moved under it; in life the wait itself ends
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert run.state == "ended"
    for copy in (to_bob, to_dave, slack.messages(people.alice, sent.ts, bot=True)[0]):
        assert is_dead(copy)
        assert "expired" in copy.plain_text()
    closing = slack.messages(people.alice, sent.ts, bot=True)[-1].plain_text()
    assert "nobody decided in time" in closing
    assert len(await hexa.events("approval_expired")) == 1

    await slack.click(people.bob, "approval.approve", to_bob, stale=True)
    await slack.wait_for_ephemeral(people.bob)
    await hexa.quiet()
    assert hexa.changes == []


async def test_the_timer_fires_by_itself_and_a_rule_of_hexa_yaml_sets_it(tmp_path: Any) -> None:
    """`expires_after: 1s` and nobody decides: within moments the card is dead, without any help."""
    async with RunningHexa(tmp_path, configuration=HURRIED) as hexa:
        await hexa.slack.send_message("alice", "ops", ASKED)
        card, run_id = await hexa.card("ops")
        run = await hexa.run(run_id)
        await hexa.quiet()

        assert run.state == "ended"
        assert is_dead(card)
        assert hexa.changes == []


async def test_a_click_after_the_expiry_changes_nothing_even_before_the_timer_noticed(over_http: RunningHexa) -> None:
    """The clock decides, not whether some task got round to it."""
    hexa, slack = over_http, over_http.slack
    await slack.send_message("alice", "ops", ASKED)
    card, run_id = await hexa.card("ops")
    await hexa.quiet()
    hexa.clock.advance(minutes=31)
    await slack.click("bob", "approval.approve", card)
    told = await slack.wait_for_ephemeral("bob")
    run = await hexa.run(run_id)
    await hexa.quiet()

    assert "expired" in told.plain_text()
    assert run.state == "ended"
    assert is_dead(card)
    assert hexa.changes == []
    assert [one["reason"] for one in await hexa.events("decision_refused")] == ["expired"]
