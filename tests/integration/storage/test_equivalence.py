"""Random histories, told to the fakes and to SQLite alike: every answer and every row agrees at every moment.

Clicks, expiry, cancellation, begin, progress, end, voiding and claiming in any order are also the proof that an
approval resolves at most once and is used at most once.
"""

import random

import pytest

from security import audit
from tests.contracts.samples import after, card, event, reply, ruling, run
from tests.fakes.in_memory_audit import KEY
from tests.fakes.stores import in_memory_stores
from workflows.ports import StaleEpochError, StepEnd
from workflows.runs import Decision, RunState, Use

RUNS = ("run-1", "run-2")
STEPS = ("check", "scale", "watch")
DECISIONS = [each for each in Decision if each is not Decision.PENDING]
ENDS = [
    StepEnd("done", "ok", {"n": 1}),
    StepEnd("failed", "no", error_code="X"),
    StepEnd("in_doubt", "?"),
    StepEnd("failed", "later", retry_at=after(99)),
]


def operation(dice, n):
    """One call, as a function of the stores, so that both get the very same one."""
    run_id, epoch, step_id = dice.choice(RUNS), dice.choice((1, 1, 1, 2)), dice.choice(STEPS)
    approval_id, now, events = f"{run_id}:approval", after(n * dice.choice((1, 1, 20))), [event(f"e{n}", n=n)]
    decided = ruling(dice.choice([Decision.APPROVED, *DECISIONS]), by=f"p{n}", at=now, reason=f"because {n}")
    ended, attempt, use = dice.choice(ENDS), dice.choice((1, 1, 2)), dice.choice((Use.VOID, Use.LAPSED))
    state = dice.choice((RunState.SUCCEEDED, RunState.FAILED, RunState.NEEDS_HUMAN))
    message = [reply(f"m{n}")]
    mine = {"epoch": epoch, "step_id": step_id}
    calls = {
        "decide": lambda s: s.approvals.decide(approval_id, decided, events=events, messages=message),
        "void": lambda s: s.approvals.void(approval_id, use=use, reason=f"void {n}", at=now, events=events),
        "claim": lambda s: s.runs.claim(run_id),
        "consume": lambda s: s.runs.consume(run_id, epoch=epoch, now=now, events=events),
        "begin": lambda s: s.runs.begin(run_id, now=now, events=events, **mine),
        "note": lambda s: s.runs.note(run_id, detail=f"note {n}", **mine),
        "end": lambda s: s.runs.end(run_id, attempt=attempt, now=now, end=ended, events=events, **mine),
        "skip": lambda s: s.runs.skip(run_id, epoch=epoch, step_ids=[step_id], reason=f"skip {n}"),
        "finish": lambda s: s.runs.finish(
            run_id, epoch=epoch, state=state, summary=f"end {n}", now=now, messages=message, events=events
        ),
        "shown": lambda s: s.messages.shown(f"card-{run_id}", version=n % 9, ref={"ts": f"{run_id}"}),
    }
    weights = {"finish": 0.15, "claim": 0.25, "void": 0.4, "skip": 0.3, "decide": 1, "begin": 2, "end": 2, "consume": 1}
    name = dice.choices(list(calls), [weights.get(each, 1) for each in calls])[0]
    return name, calls[name]


async def answer(call, stores):
    try:
        return await call(stores)
    except StaleEpochError as stale:
        return repr(stale)


async def visible(stores):
    return {
        "runs": [await stores.runs.get(run_id) for run_id in RUNS],
        "waiting": [one.id for one in await stores.approvals.waiting("acme")],
        "unfinished": list(await stores.runs.unfinished()),
        "timers": [one.id for one in await stores.approvals.due(after(10**6))],
        "next": await stores.approvals.next_due(),
        "messages": list(await stores.messages.due("slack", after(0), limit=1000)),
        "grants": [await stores.ledger.grant(run_id) for run_id in RUNS],
        "audit": [record async for record in stores.audit.records("acme")],
    }


@pytest.mark.parametrize("seed", range(6))
async def test_fakes_and_sqlite_tell_the_same_story(stores, seed):
    """Two runs, sixty calls in an order nobody would think of."""
    dice, fakes, resolved, used = random.Random(seed), in_memory_stores(), [], []
    for run_id in RUNS:
        for each in (stores, fakes):
            await each.runs.create(run(run_id), messages=[card(f"card-{run_id}", run_id)], events=[])
            await each.runs.claim(run_id)
    for n in range(60):
        name, call = operation(dice, n)
        real, fake = await answer(call, stores), await answer(call, fakes)
        assert real == fake, f"call {n}, {name}"
        seen = await visible(stores)
        assert seen == await visible(fakes), f"after call {n}, {name}"
        resolved += [name] if name == "decide" and real is True else []
        used += [name] if name in {"consume", "void"} and real is True else []

    assert len(resolved) <= len(RUNS)
    assert len(used) <= len(resolved)
    assert list(audit.verify(KEY, "acme", seen["audit"], [])) == []
