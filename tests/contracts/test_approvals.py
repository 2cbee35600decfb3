"""workflows.ports.Approvals"""

import asyncio
import random

import pytest

from storage.signals import RUNS
from tests.contracts.samples import T0, after, card, event, reply, ruling, run
from workflows.runs import Decision, RunState, Use

ID = "run-1:approval"


async def requested(stores, **values):
    await stores.runs.create(run(**values), messages=[card()], events=[])


async def void(stores, use=Use.VOID, **options):
    return await stores.approvals.void(
        ID, use=use, reason="web changed", at=after(5), events=[event("void")], **options
    )


async def types(stores):
    return [record.event["type"] async for record in stores.audit.records("acme")]


async def test_of_50_concurrent_decisions_exactly_one_counts(stores):
    """Double clicks, several approvers, any order: one resolution, told once."""
    await requested(stores)
    offered = [Decision.APPROVED, Decision.REJECTED, Decision.EXPIRED, Decision.CANCELLED, Decision.SUPERSEDED] * 10
    random.Random(7).shuffle(offered)
    counted = await asyncio.gather(
        *(
            stores.approvals.decide(
                ID, ruling(decision, by=f"p{n}"), events=[event(f"e{n}")], messages=[reply(f"m{n}")]
            )
            for n, decision in enumerate(offered)
        )
    )
    found = await stores.approvals.get(ID)
    winner = counted.index(True)

    assert sum(counted) == 1
    assert (found.decision, found.decided_by) == (offered[winner], f"p{winner}")
    assert await types(stores) == [f"e{winner}"]
    assert [each.id for each in await stores.messages.due("slack", T0)] == ["card-1", f"m{winner}"]


async def test_an_approved_run_is_ready(stores):
    """Who, when and why are kept; the run waits to be begun."""
    await requested(stores)
    await stores.approvals.decide(ID, ruling(at=after(3), reason="fine"), events=[])
    found = await stores.runs.get("run-1")

    assert (found.state, found.finished_at) == (RunState.READY, None)
    assert (found.approval.decided_at, found.approval.decided_by, found.approval.reason) == (after(3), "bob", "fine")


@pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.EXPIRED, Decision.CANCELLED, Decision.SUPERSEDED])
async def test_any_other_decision_ends_the_run(stores, decision):
    """Nothing was run, and nothing will be."""
    await requested(stores)
    await stores.approvals.decide(ID, ruling(decision, at=after(3)), events=[])
    found = await stores.runs.get("run-1")

    assert (found.state, found.finished_at) == (RunState.ENDED, after(3))
    assert await stores.approvals.next_due() is None
    assert not await void(stores)


async def test_pending_is_not_a_decision(stores):
    """It would undo one."""
    await requested(stores)
    with pytest.raises(ValueError, match="pending"):
        await stores.approvals.decide(ID, ruling(Decision.PENDING), events=[])


async def test_an_unknown_approval_is_not_decided(stores):
    """A made-up id changes and records nothing."""
    assert not await stores.approvals.decide("nothing", ruling(), events=[event()])
    assert await stores.approvals.get("nothing") is None
    assert await types(stores) == []


@pytest.mark.parametrize("use", [Use.VOID, Use.LAPSED])
async def test_an_approval_that_was_not_used_can_end_without_use(stores, use):
    """Drift and time: the run ends, says why, and nothing is consumed afterwards."""
    await requested(stores)
    await stores.approvals.decide(ID, ruling(), events=[])
    ended = await void(stores, use, messages=[reply("told")])
    found = await stores.runs.get("run-1")
    epoch = (await stores.runs.claim("run-1")).epoch

    assert ended
    assert (found.state, found.finished_at, found.summary) == (RunState.ENDED, after(5), "web changed")
    assert (found.approval.use, found.approval.reason) == (use, "web changed")
    assert not await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[])
    assert not await void(stores)
    assert await types(stores) == ["void"]


async def test_only_what_is_approved_and_unused_can_end_without_use(stores):
    """A waiting one is decided, a used one is history."""
    await requested(stores)
    assert not await void(stores)
    await stores.approvals.decide(ID, ruling(), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[])

    assert not await void(stores)
    assert (await stores.runs.get("run-1")).state is RunState.RUNNING
    with pytest.raises(ValueError, match="consumed"):
        await void(stores, Use.CONSUMED)


async def test_begin_and_void_never_both_happen(stores):
    """The click of a kill switch and the start of the run meet in one row."""
    await requested(stores)
    await stores.approvals.decide(ID, ruling(), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    outcomes = await asyncio.gather(
        *(
            void(stores) if n % 2 else stores.runs.consume("run-1", epoch=epoch, now=T0, events=[event("begun")])
            for n in range(40)
        )
    )
    found = await stores.runs.get("run-1")

    assert sum(outcomes) == 1
    assert (found.state, found.approval.use) in {
        (RunState.ENDED, Use.VOID),
        (RunState.RUNNING, Use.CONSUMED),
    }


async def test_the_timer_is_expiry_then_lapse_then_none(stores):
    """A row says when somebody has to look; nothing is parked in memory."""
    await requested(stores)
    waiting = await stores.approvals.next_due()
    early, late = await stores.approvals.due(after(3599)), await stores.approvals.due(after(3600))
    await stores.approvals.decide(ID, ruling(at=after(100)), events=[])
    approved = await stores.approvals.next_due()
    lapsed = await stores.approvals.due(after(1000))
    epoch = (await stores.runs.claim("run-1")).epoch
    await stores.runs.consume("run-1", epoch=epoch, now=after(200), events=[])

    assert (waiting, approved, await stores.approvals.next_due()) == (after(3600), after(1000), None)
    assert (list(early), [one.id for one in late], [one.decision for one in lapsed]) == ([], [ID], [Decision.APPROVED])
    assert list(await stores.approvals.due(after(10**6))) == []


async def test_what_is_due_comes_in_the_order_of_its_timers(stores):
    """The first to expire is told first."""
    for name, seconds in (("b", 30), ("a", 10), ("c", 20)):
        late = run(name)
        shifted = type(late.approval)(**{**fields(late.approval), "expires_at": after(seconds)})
        await stores.runs.create(run(name, approval=shifted), messages=[], events=[])

    assert [one.run_id for one in await stores.approvals.due(after(25))] == ["a", "c"]
    assert await stores.approvals.next_due() == after(10)


async def test_waiting_runs_are_listed_oldest_first(stores):
    """Of this workspace, complete, and only those."""
    for n in (2, 1, 3):
        await stores.runs.create(run(f"run-{n}", created_at=after(n)), messages=[], events=[])
    await stores.runs.create(run("elsewhere", workspace_id="other"), messages=[], events=[])
    await stores.approvals.decide("run-2:approval", ruling(), events=[])
    found = await stores.approvals.waiting("acme")

    assert list(found) == [run("run-1", created_at=after(1)), run("run-3", created_at=after(3))]


async def test_a_decision_wakes_those_who_wait(stores):
    """The engine does not poll."""
    await requested(stores)
    seen = stores.changed.version(RUNS)
    waiter = asyncio.create_task(stores.changed.wait(RUNS, seen, 5))
    await stores.approvals.decide(ID, ruling(), events=[])

    assert await waiter > seen


def fields(one):
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
