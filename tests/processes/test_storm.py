"""A storm: the process dies again and again, at random but repeatable points, while five requests are on their way."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fixtures.running import is_dead
from tests.fixtures.slack import Message, SlackDouble
from tests.processes.house import WORKING, Processes

pytestmark = pytest.mark.slow
KILLS = 10
REQUESTS = (
    ("web", 5, "shop"),
    ("api", 4, "shop"),
    ("checkout", 3, "shop"),
    ("web", 2, "staging"),
    ("web", 3, "staging"),
)


@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_kills_during_five_requests_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    """Every message is answered by one card, every approval changes the cluster once, every run ends and is told.

    The last request waits until the one before it about the same Deployment is over, or it would rightly drift.
    """
    async with Processes(tmp_path) as house:
        house.slack.courier.retry_delays = (0.5,) * 120
        await house.start()
        storm = asyncio.create_task(_storm(house, random.Random(seed)))
        asked: dict[str, tuple[str, int, str]] = {}
        for request in REQUESTS[:-1]:
            asked[await _asked(house, request)] = request
        await asyncio.gather(*(_approved(house, thread) for thread in asked))
        for thread in list(asked):
            await house.closing(thread, timeout=4 * WORKING)
        last = await _asked(house, REQUESTS[-1])
        asked[last] = REQUESTS[-1]
        await _approved(house, last)
        await storm
        await house.closing(last)
        await house.barrier()

        for thread, (name, count, _) in asked.items():
            card, *closing = house.slack.messages("ops", thread, bot=True)
            assert is_dead(card)
            assert [f"Scaled {name} to {count} replicas" in one.plain_text() for one in closing] == [True], (
                house.slack.transcript()
            )
        for name, count, namespace in (*REQUESTS[:3], REQUESTS[-1]):
            assert (await house.deployment(name, namespace))["spec"]["replicas"] == count
        assert await house.changes() == 1
        assert house.lives == KILLS + 2
        code, output = await house.hexa("audit", "verify")
        assert code == 0, output


async def _asked(house: Processes, request: tuple[str, int, str]) -> str:
    name, count, namespace = request
    sent = await house.slack.send_message("alice", "ops", f"<@BOT> scale {name} to {count} in {namespace}")
    return sent.ts


async def _storm(house: Processes, chance: random.Random) -> None:
    """Ten lives, each ended at a random checkpoint by its own hand or, when it does not come to it, by ours."""
    for number in range(KILLS):
        try:
            await asyncio.wait_for(house.died(), chance.uniform(0.1, 1.0))
        except TimeoutError:
            await house.kill()
        for mark in house.data.glob("crashed-at-*"):
            mark.unlink()
        last = number == KILLS - 1
        await house.start(crash_at="" if last else f"any:{chance.randint(1, 4)}")


async def _approved(house: Processes, thread: str) -> None:
    """Bob presses as long as there is a button: Slack never repeats a click that failed, people do."""

    def card_of(double: SlackDouble) -> Message | None:
        return next(iter(double.messages("ops", thread, bot=True)), None)

    card: Message = await house.slack.wait_until(card_of, timeout=4 * WORKING)
    async with asyncio.timeout(4 * WORKING):
        while not is_dead(card):
            await house.slack.click("bob", "approval.approve", card)
            with suppress(AssertionError):  # not acknowledged, or killed before it was decided
                await house.slack.wait_until(lambda _: is_dead(card), timeout=1.0)
