"""The in-process dispatcher over the in-memory stores: one at a time, nothing lost, nothing spinning."""

import asyncio
from collections import Counter

import pytest

from storage.dispatch.inprocess import InProcessDispatcher
from storage.dispatch.passes import growing
from storage.signals import TIMERS
from tests.contracts.samples import T0, after, approval, item, ruling, run
from tests.fakes.stores import in_memory_stores
from workflows.runs import Decision, RunState


class Driver:
    """Counts passes and how many ran at the same time; each pass waits until it is let go."""

    def __init__(self, *, held=False):
        self.passes, self.running, self.together = Counter(), Counter(), 0
        self.free = asyncio.Event()
        self.begun = asyncio.Event()
        self.failures = 0
        if not held:
            self.free.set()

    async def __call__(self, subject):
        self.passes[subject] += 1
        self.running[subject] += 1
        self.together = max(self.together, sum(self.running.values()))
        assert self.running[subject] == 1, "two passes over one subject"
        self.begun.set()
        try:
            await self.free.wait()
            if self.failures:
                self.failures -= 1
                raise OSError("poisoned")
        finally:
            self.running[subject] -= 1


class World:
    def __init__(self, clock):
        self.stores = in_memory_stores()
        self.clock = clock
        self.expired = []
        self.expiry_seen = asyncio.Event()
        self.pauses = []

    def dispatcher(self, *, turn=None, advance=None, **options):
        return InProcessDispatcher(
            turn=turn or Driver(),
            advance=advance or Driver(),
            expire=self.expire,
            inbox=self.stores.inbox,
            runs=self.stores.runs,
            approvals=self.stores.approvals,
            changed=self.stores.changed,
            clock=self.clock,
            pause=self.pause,
            **options,
        )

    def pause(self, failures):
        self.pauses.append(failures)
        return 0.0

    async def expire(self, due):
        self.expired.append(due.id)
        await self.stores.approvals.decide(due.id, ruling(Decision.EXPIRED, at=self.clock()), events=[])
        self.expiry_seen.set()


@pytest.fixture
async def world(clock):
    return World(clock)


async def test_calls_during_a_pass_cause_exactly_one_more(world):
    """What was written after the pass had read is looked at; ten calls are one reason."""
    turn = Driver(held=True)
    dispatcher = world.dispatcher(turn=turn)
    dispatcher.turn("lane")
    await turn.begun.wait()
    for _ in range(10):
        dispatcher.turn("lane")
    turn.free.set()

    assert await dispatcher.drain(5)
    assert turn.passes["lane"] == 2


async def test_a_call_after_the_end_is_a_new_pass(world):
    """Nothing is remembered about a subject at rest."""
    advance = Driver()
    dispatcher = world.dispatcher(advance=advance)
    for _ in range(3):
        dispatcher.advance("run")
        assert await dispatcher.drain(5)

    assert advance.passes["run"] == 3


async def test_subjects_run_side_by_side_up_to_the_limit(world):
    """A storm of lanes does not become a storm of tasks at work."""
    turn = Driver(held=True)
    dispatcher = world.dispatcher(turn=turn, turns=3)
    for n in range(20):
        dispatcher.turn(f"lane-{n}")
    await turn.begun.wait()
    turn.free.set()

    assert await dispatcher.drain(5)
    assert turn.together == 3
    assert len(turn.passes) == 20


async def test_a_pass_that_fails_is_made_again_after_a_growing_pause(world, caplog):
    """Logged each time, not forgotten, not spinning; other subjects do not wait for it."""
    turn = Driver()
    turn.failures = 3
    dispatcher = world.dispatcher(turn=turn)
    dispatcher.turn("lane")

    assert await dispatcher.drain(5)
    assert turn.passes["lane"] == 4
    assert world.pauses == [1, 2, 3]
    assert sum("turn of lane failed" in record.getMessage() for record in caplog.records) == 3


def test_the_pause_grows_and_has_an_end():
    """From half a second to half a minute."""
    pauses = [growing(failures) for failures in range(1, 50)]

    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert max(pauses) == 30.0


async def test_a_start_takes_up_what_an_earlier_process_left(world):
    """Lanes with items and runs that are ready or running; waiting runs are only rows."""
    await world.stores.inbox.accept(item("one", lane="lane"))
    await world.stores.runs.create(run("waits"), messages=[], events=[])
    given = approval("ready", decision=Decision.APPROVED, decided_at=T0)
    await world.stores.runs.create(run("ready", state=RunState.READY, approval=given), messages=[], events=[])
    turn, advance = Driver(), Driver()
    dispatcher = world.dispatcher(turn=turn, advance=advance)
    await dispatcher.start()

    assert await dispatcher.drain(5)
    assert (dict(turn.passes), dict(advance.passes)) == ({"lane": 1}, {"ready": 1})
    await dispatcher.stop()


async def test_what_fell_due_while_nobody_ran_expires_at_the_start(world):
    """A timer is a row."""
    await world.stores.runs.create(run(), messages=[], events=[])
    world.clock.advance(7200)
    dispatcher = world.dispatcher()
    await dispatcher.start()
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    await dispatcher.stop()

    assert world.expired == ["run-1:approval"]


async def test_an_approval_expires_when_its_time_has_come(world):
    """The sleep ends with the timer, not with a poll."""
    await world.stores.runs.create(run(approval=approval("run-1", expires_at=after(0.05))), messages=[], events=[])
    dispatcher = world.dispatcher()
    await dispatcher.start()
    world.clock.advance(0.05)
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    await dispatcher.stop()

    assert world.expired == ["run-1:approval"]


async def test_a_new_approval_shortens_the_sleep(world):
    """The dispatcher slept without any timer, then one appeared that is due at once."""
    dispatcher = world.dispatcher()
    await dispatcher.start()
    await asyncio.sleep(0)
    await world.stores.runs.create(run(approval=approval("run-1", expires_at=T0)), messages=[], events=[])
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    await dispatcher.stop()

    assert world.expired == ["run-1:approval"]


async def test_an_expiry_that_fails_is_made_again(world):
    """The outcome of an approval is always told, even when the first try meets a full disk."""
    seen = []
    original = world.expire

    async def failing_once(due):
        seen.append(due.id)
        if len(seen) == 1:
            raise OSError("disk full")
        await original(due)

    world.expire = failing_once
    await world.stores.runs.create(run(approval=approval("run-1", expires_at=T0)), messages=[], events=[])
    dispatcher = world.dispatcher()
    await dispatcher.start()
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    await dispatcher.stop()

    assert seen[:2] == ["run-1:approval"] * 2
    assert (await world.stores.runs.get("run-1")).state is RunState.ENDED


async def test_reading_the_timers_survives_a_failing_store(world):
    """A database that does not answer for a moment does not end the watch."""
    tries = []
    original = world.stores.approvals.next_due

    async def failing_once():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        return await original()

    world.stores.approvals.next_due = failing_once
    await world.stores.runs.create(run(approval=approval("run-1", expires_at=T0)), messages=[], events=[])
    dispatcher = world.dispatcher()
    await dispatcher.start()
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    await dispatcher.stop()

    assert len(tries) >= 2


async def test_a_timer_that_stays_due_is_not_asked_about_in_a_loop(world):
    """An expiry that has no effect must not turn into a busy process."""
    looks = []
    original = world.stores.approvals.due

    async def counted(now):
        looks.append(now)
        return await original(now)

    async def without_effect(due):
        world.expiry_seen.set()

    world.stores.approvals.due = counted
    world.expire = without_effect
    await world.stores.runs.create(run(approval=approval("run-1", expires_at=T0)), messages=[], events=[])
    dispatcher = world.dispatcher()
    await dispatcher.start()
    await asyncio.wait_for(world.expiry_seen.wait(), 5)
    for _ in range(50):
        await asyncio.sleep(0)
    await dispatcher.stop()

    assert len(looks) == 1
    assert world.stores.changed.version(TIMERS) == 1


async def test_stopping_cuts_off_and_takes_nothing_more(world):
    """What was cut off stands in its rows; the next process goes on from there."""
    turn = Driver(held=True)
    dispatcher = world.dispatcher(turn=turn)
    await dispatcher.start()
    dispatcher.turn("lane")
    await turn.begun.wait()

    assert not await dispatcher.drain(0.01)
    await dispatcher.stop()
    dispatcher.turn("lane")
    dispatcher.turn("other")

    assert await dispatcher.drain(5)
    assert dict(turn.passes) == {"lane": 1}
    assert turn.running["lane"] == 0


async def test_an_interrupt_goes_straight_to_who_can_stop(world):
    """It takes no lock and waits for nobody."""
    interrupted = []
    turn = Driver(held=True)
    dispatcher = world.dispatcher(turn=turn, interrupt=interrupted.append)
    dispatcher.turn("lane")
    await turn.begun.wait()
    dispatcher.interrupt("lane")
    await dispatcher.stop()

    assert interrupted == ["lane"]
