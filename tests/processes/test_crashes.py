"""kill -9 at every point between a message and its outcome: the next life finishes, and nothing happens twice."""

from pathlib import Path

import pytest

from tests.fixtures.running import is_dead
from tests.processes.house import WORKING, Processes

pytestmark = pytest.mark.slow
SCALED = "Scaled web to 5 replicas"


async def check_that_it_happened_once(house: Processes, thread: str, run_id: str) -> None:
    """One change in the cluster, one card, one closing message, one trail without a break."""
    assert (await house.deployment())["spec"]["replicas"] == 5
    assert await house.changes() == 1
    run = await house.run(run_id)
    assert run.state == "succeeded"
    told = house.slack.messages("ops", thread, bot=True)
    assert len(told) == 2, house.slack.transcript()
    card, closing = told
    assert is_dead(card)
    assert f"Approved by {house.slack.people.bob.mention}" in card.plain_text()
    assert SCALED in card.plain_text()
    assert SCALED in closing.plain_text()
    code, output = await house.hexa("audit", "verify")
    assert code == 0, output


@pytest.mark.parametrize(
    ("point", "attempts"),
    [
        ("after_gate", 1),
        ("after_attempt:1", 1),  # the check before the change
        ("after_attempt:2", 2),  # the change itself: intended, not made
        ("after_effect", 2),  # made, not recorded
        ("after_end:1", 1),
        ("after_end:2", 1),  # made and recorded
        ("after_attempt:3", 1),  # watching
        ("after_end:3", 1),  # over, but not closed
    ],
)
async def test_killed_while_it_executes_it_goes_on_and_changes_once(tmp_path: Path, point: str, attempts: int) -> None:
    """Bob approves, the process dies at the point, the next one finishes from the rows; attempts of the change counted."""
    async with Processes(tmp_path) as house:
        await house.start(crash_at=point)
        sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
        card, run_id = await house.card(sent.ts)
        await house.slack.click("bob", "approval.approve", card)
        await house.died()
        await house.start(crash_at=point)
        await house.closing(sent.ts)
        await house.barrier()

        await check_that_it_happened_once(house, sent.ts, run_id)
        run = await house.run(run_id)
        change = next(step.id for step in run.plan.steps if step.mutating)
        assert len(run.step(change).attempts) == attempts


@pytest.mark.parametrize("nth", [1, 2])
async def test_killed_between_commit_and_acknowledgement_what_was_stored_is_served(tmp_path: Path, nth: int) -> None:
    """The message (1) and the click (2): Slack saw no acknowledgement, redelivers the message, and one answer comes."""
    async with Processes(tmp_path) as house:
        await house.start(crash_at=f"after_commit:{nth}")
        sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop", events=("app_mention",))
        if nth == 1:
            await house.died()
            assert not sent.acknowledged
            await house.start()
            await house.slack.redeliver(sent.attempts[0])
        card, run_id = await house.card(sent.ts)
        click = await house.slack.click("bob", "approval.approve", card)
        if nth == 2:
            await house.died()
            assert not click.acknowledged
            await house.start()
        await house.closing(sent.ts)
        await house.barrier()

        await check_that_it_happened_once(house, sent.ts, run_id)


async def test_killed_while_a_card_waits_the_click_works_after_the_restart(tmp_path: Path) -> None:
    """A waiting run is only rows: the card posted by the first life is decided in the second."""
    async with Processes(tmp_path) as house:
        await house.start()
        sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
        card, run_id = await house.card(sent.ts)
        await house.kill()
        await house.start()
        await house.slack.click("carol", "approval.approve", card)
        await house.slack.wait_for_ephemeral("carol", timeout=WORKING)
        await house.slack.click("bob", "approval.approve", card)
        await house.closing(sent.ts)
        await house.barrier()

        await check_that_it_happened_once(house, sent.ts, run_id)


async def test_killed_after_slack_took_a_message_and_before_it_answered_the_message_is_adopted(tmp_path: Path) -> None:
    """The card stands in Slack, Hexa never learnt its ts: found by its metadata, not posted again, and alive."""
    async with Processes(tmp_path) as house:
        await house.start()
        house.slack.faults.drop("chat.postMessage", applied=True)
        sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
        card, run_id = await house.card(sent.ts)
        await house.kill()
        await house.start()
        await house.slack.click("bob", "approval.approve", card)
        await house.closing(sent.ts)
        await house.barrier()

        await check_that_it_happened_once(house, sent.ts, run_id)


async def test_killed_over_socket_mode_it_connects_again_and_goes_on(tmp_path: Path) -> None:
    """The same between approval and execution, over the other transport."""
    async with Processes(tmp_path, transport="socket") as house:
        await house.start(crash_at="after_gate")
        sent = await house.slack.send_message("alice", "ops", "<@BOT> scale web to 5 in shop")
        card, run_id = await house.card(sent.ts)
        await house.slack.click("bob", "approval.approve", card)
        await house.died()
        await house.slack.wait_until(lambda double: not double.socket.connections)
        await house.start()
        await house.closing(sent.ts)
        await house.barrier()

        await check_that_it_happened_once(house, sent.ts, run_id)
