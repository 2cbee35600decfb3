"""workflows.ports.Runs"""

import asyncio

import pytest

from security import audit
from tests.contracts.samples import T0, after, approval, card, event, reply, ruling, run
from tests.fakes.in_memory_audit import KEY
from workflows.ports import StaleEpochError, StepEnd
from workflows.runs import Decision, RunState, StepState, Use

DONE = StepEnd("done", "Scaled web to 5", {"replicas": 5})


async def approved(stores, run_id="run-1"):
    """A run that was approved, begun and claimed by the one driving it; returns its epoch."""
    await stores.runs.create(run(run_id), messages=[card(run_id=run_id)], events=[])
    await stores.approvals.decide(f"{run_id}:approval", ruling(), events=[])
    epoch = (await stores.runs.claim(run_id)).epoch
    assert await stores.runs.consume(run_id, epoch=epoch, now=T0, events=[])
    return epoch


async def begin(stores, epoch, step_id="scale", now=T0, events=()):
    return await stores.runs.begin("run-1", epoch=epoch, step_id=step_id, now=now, events=events)


async def end(stores, epoch, attempt, ended=DONE, step_id="scale", events=()):
    await stores.runs.end(
        "run-1", epoch=epoch, step_id=step_id, attempt=attempt, now=after(1), end=ended, events=events
    )


async def types(stores):
    return [record.event["type"] async for record in stores.audit.records("acme")]


async def test_a_run_comes_back_as_it_was_stored(stores):
    """Plan, steps in their order, approval: what was shown is what runs."""
    created = await stores.runs.create(run(), messages=[card()], events=[event("asked")])

    assert created == (run(), True)
    assert await stores.runs.get("run-1") == run()
    assert [each.id for each in await stores.messages.cards("run-1")] == ["card-1"]
    assert await types(stores) == ["asked"]
    assert await stores.runs.get("run-2") is None


async def test_of_50_concurrent_creations_one_counts(stores):
    """The same Slack message delivered again finds the run it started; nothing is announced twice."""
    results = await asyncio.gather(
        *(
            stores.runs.create(run(request_text=f"copy {n}"), messages=[reply(f"m{n}")], events=[event()])
            for n in range(50)
        )
    )

    assert sum(created for _, created in results) == 1
    assert len({found.request_text for found, _ in results}) == 1
    assert len(await stores.messages.due("slack", T0)) == 1
    assert await types(stores) == ["something"]


async def test_claiming_raises_the_epoch_and_nothing_a_card_shows(stores):
    """Who claims last drives."""
    await stores.runs.create(run(), messages=[], events=[])
    epochs = [(await stores.runs.claim("run-1")).epoch for _ in range(3)]

    assert epochs == [1, 2, 3]
    assert (await stores.runs.get("run-1")).version == 1
    assert await stores.runs.claim("run-2") is None


async def test_an_approval_is_consumed_once(stores):
    """Of many who try to begin a run one does, and the run is running."""
    await stores.runs.create(run(), messages=[], events=[])
    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    begun = await asyncio.gather(
        *(stores.runs.consume("run-1", epoch=epoch, now=T0, events=[event("begun")]) for _ in range(50))
    )
    found = await stores.runs.get("run-1")

    assert sum(begun) == 1
    assert (found.state, found.approval.use) == (RunState.RUNNING, Use.CONSUMED)
    assert await types(stores) == ["begun"]


@pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.EXPIRED, Decision.CANCELLED, Decision.SUPERSEDED])
async def test_what_was_not_approved_is_not_consumed(stores, decision):
    """Any other decision ends the run."""
    await stores.runs.create(run(), messages=[], events=[])
    await stores.approvals.decide("run-1:approval", ruling(decision), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch

    assert not await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[event()])
    assert (await stores.runs.get("run-1")).state is RunState.ENDED
    assert await types(stores) == []


async def test_what_waits_is_not_consumed(stores):
    """Omission never means yes."""
    await stores.runs.create(run(), messages=[], events=[])
    await stores.runs.create(run("odd", state=RunState.READY), messages=[], events=[])
    for run_id in ("run-1", "odd"):
        epoch = (await stores.runs.claim(run_id)).epoch
        assert not await stores.runs.consume(run_id, epoch=epoch, now=T0, events=[])


async def test_an_approval_lapses_even_when_nobody_looked_at_the_clock(stores):
    """execute_within counts from the decision; the timer may be late."""
    await stores.runs.create(run(), messages=[], events=[])
    await stores.approvals.decide("run-1:approval", ruling(at=after(10)), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch

    assert not await stores.runs.consume("run-1", epoch=epoch, now=after(10 + 901), events=[])
    assert await stores.runs.consume("run-1", epoch=epoch, now=after(10 + 900), events=[])


async def test_an_attempt_is_written_before_and_ended_after(stores):
    """The intent stands when the process dies in between."""
    epoch = await approved(stores)
    number = await begin(stores, epoch)
    running = (await stores.runs.get("run-1")).step("scale")
    await end(stores, epoch, number)
    done = (await stores.runs.get("run-1")).step("scale")

    assert running.state is StepState.RUNNING
    assert [(one.number, one.finished_at, one.outcome) for one in running.attempts] == [(1, None, "")]
    assert (done.state, done.detail, done.result) == (StepState.DONE, "Scaled web to 5", {"replicas": 5})
    assert [(one.finished_at, one.outcome) for one in done.attempts] == [(after(1), "done")]


async def test_a_step_that_is_retried_waits_and_keeps_its_attempts(stores):
    """A crash does not reset the retry budget."""
    epoch = await approved(stores)
    await end(stores, epoch, await begin(stores, epoch), StepEnd("failed", "409", error_code="X", retry_at=after(9)))
    waiting = (await stores.runs.get("run-1")).step("scale")
    second = await begin(stores, epoch)
    again = (await stores.runs.get("run-1")).step("scale")

    assert (waiting.state, waiting.retry_at, waiting.error_code) == (StepState.PENDING, after(9), "X")
    assert (second, again.retry_at) == (2, None)
    assert [one.outcome for one in again.attempts] == ["failed", ""]


async def test_an_attempt_that_was_cut_off_stays_visible_beside_the_next(stores):
    """That is how doubt is known."""
    epoch = await approved(stores)
    await begin(stores, epoch)
    epoch = (await stores.runs.claim("run-1")).epoch
    await end(stores, epoch, await begin(stores, epoch), StepEnd("in_doubt", "?"))
    step = (await stores.runs.get("run-1")).step("scale")

    assert step.state is StepState.IN_DOUBT
    assert [(one.number, one.outcome) for one in step.attempts] == [(1, ""), (2, "in_doubt")]


async def test_an_attempt_ends_once(stores):
    """A second end is refused and changes nothing."""
    epoch = await approved(stores)
    number = await begin(stores, epoch)
    await end(stores, epoch, number)
    before = await stores.runs.get("run-1")
    with pytest.raises(StaleEpochError):
        await end(stores, epoch, number, StepEnd("failed", "too late"), events=[event("ended twice")])

    assert await stores.runs.get("run-1") == before
    assert "ended twice" not in await types(stores)


async def test_a_thawed_worker_changes_nothing(stores):
    """Every write with an epoch that is not the run's any more is refused as a whole."""
    old = await approved(stores)
    number = await begin(stores, old)
    new = (await stores.runs.claim("run-1")).epoch
    before = await stores.runs.get("run-1")
    late = [
        lambda: stores.runs.consume("run-1", epoch=old, now=T0, events=[event("late")]),
        lambda: begin(stores, old, "watch", events=[event("late")]),
        lambda: end(stores, old, number, events=[event("late")]),
        lambda: stores.runs.note("run-1", epoch=old, step_id="scale", detail="late"),
        lambda: stores.runs.skip("run-1", epoch=old, step_ids=["watch"], reason="late"),
        lambda: stores.runs.finish(
            "run-1",
            epoch=old,
            state=RunState.SUCCEEDED,
            summary="late",
            now=T0,
            messages=[reply("late")],
            events=[event("late")],
        ),
    ]
    for write in late:
        with pytest.raises(StaleEpochError):
            await write()

    assert await stores.runs.get("run-1") == before
    assert "late" not in await types(stores)
    assert "late" not in [each.id for each in await stores.messages.due("slack", T0)]
    await end(stores, new, number)


async def test_nothing_begins_in_a_run_that_was_not_begun_or_has_ended(stores):
    """Approved alone is not enough, and after the end is too late."""
    await stores.runs.create(run(), messages=[], events=[])
    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    with pytest.raises(StaleEpochError):
        await begin(stores, epoch)
    await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[])
    await stores.runs.finish("run-1", epoch=epoch, state=RunState.FAILED, summary="no", now=T0)
    with pytest.raises(StaleEpochError):
        await begin(stores, epoch)


async def test_what_was_not_begun_cannot_be_finished(stores):
    """A run that waits is decided, an approved one is begun or voided; otherwise a decision would outlive its run."""
    await stores.runs.create(run(), messages=[], events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    end_it = {"epoch": epoch, "state": RunState.FAILED, "summary": "", "now": T0}
    with pytest.raises(StaleEpochError):
        await stores.runs.finish("run-1", **end_it)
    await stores.approvals.decide("run-1:approval", ruling(), events=[])
    with pytest.raises(StaleEpochError):
        await stores.runs.finish("run-1", **end_it)

    assert (await stores.runs.get("run-1")).state is RunState.READY


async def test_a_step_that_is_done_does_not_begin_again(stores):
    """A finished attempt answers from its row."""
    epoch = await approved(stores)
    await end(stores, epoch, await begin(stores, epoch))
    with pytest.raises(StaleEpochError):
        await begin(stores, epoch)


async def test_a_run_that_changes_nothing_runs_without_approval(stores):
    """Reading needs no gate; its first step sets it running."""
    await stores.runs.create(run(state=RunState.READY, approval=None), messages=[], events=[])
    epoch = (await stores.runs.claim("run-1")).epoch
    await begin(stores, epoch, "check")

    assert (await stores.runs.get("run-1")).state is RunState.RUNNING


async def test_every_change_a_card_shows_raises_the_version(stores):
    """Decide, begin, note, end, skip, finish: each makes the card due again."""
    epoch = await approved(stores)
    versions = [(await stores.runs.get("run-1")).version]
    number = await begin(stores, epoch)
    for change in (
        lambda: stores.runs.note("run-1", epoch=epoch, step_id="scale", detail="3 of 5"),
        lambda: end(stores, epoch, number),
        lambda: stores.runs.skip("run-1", epoch=epoch, step_ids=["watch"], reason="not needed"),
        lambda: stores.runs.finish("run-1", epoch=epoch, state=RunState.SUCCEEDED, summary="done", now=T0),
    ):
        versions.append((await stores.runs.get("run-1")).version)
        await stores.messages.shown("card-1", version=versions[-1], ref={"ts": "1"})
        await change()
        assert [each.id for each in await stores.messages.due("slack", T0)] == ["card-1"]
    versions.append((await stores.runs.get("run-1")).version)

    assert versions == [3, 4, 5, 6, 7, 8]


async def test_progress_and_skipping_show_in_the_steps(stores):
    """Only what waits can be skipped."""
    epoch = await approved(stores)
    await begin(stores, epoch)
    await stores.runs.note("run-1", epoch=epoch, step_id="scale", detail="3 of 5 pods")
    await stores.runs.skip("run-1", epoch=epoch, step_ids=["scale", "watch"], reason="stopped")
    found = await stores.runs.get("run-1")

    assert [(step.state, step.detail) for step in found.steps] == [
        (StepState.PENDING, ""),
        (StepState.RUNNING, "3 of 5 pods"),
        (StepState.SKIPPED, "stopped"),
    ]


async def test_finishing_tells_and_ends_in_one(stores):
    """State, summary, closing message and audit record come together, once."""
    epoch = await approved(stores)
    done = {"state": RunState.SUCCEEDED, "summary": "Scaled web", "now": after(5)}
    await stores.runs.finish("run-1", epoch=epoch, **done, messages=[reply("end")], events=[event("finished")])
    with pytest.raises(StaleEpochError):
        await stores.runs.finish("run-1", epoch=epoch, **done, messages=[reply("end2")], events=[event("finished")])
    found = await stores.runs.get("run-1")

    assert (found.state, found.summary, found.finished_at) == (RunState.SUCCEEDED, "Scaled web", after(5))
    assert [each.id for each in await stores.messages.due("slack", T0)] == ["card-1", "end"]
    assert await types(stores) == ["finished"]


async def test_unfinished_runs_are_those_a_start_drives_on(stores):
    """Waiting is not unfinished: nobody has to do anything."""
    for name in ("waits", "ready", "runs", "over"):
        await stores.runs.create(run(name), messages=[], events=[])
    for name in ("ready", "runs", "over"):
        await stores.approvals.decide(f"{name}:approval", ruling(), events=[])
    for name in ("runs", "over"):
        epoch = (await stores.runs.claim(name)).epoch
        await stores.runs.consume(name, epoch=epoch, now=T0, events=[])
    await stores.runs.finish("over", epoch=epoch, state=RunState.SUCCEEDED, summary="", now=T0)

    assert sorted(await stores.runs.unfinished()) == ["ready", "runs"]


async def test_recent_runs_are_the_newest_of_the_workspace(stores):
    """Newest first, no more than asked for, steps and approvals with them."""
    for n in range(5):
        await stores.runs.create(run(f"run-{n}", created_at=after(n)), messages=[], events=[])
    await stores.runs.create(run("elsewhere", workspace_id="other", created_at=after(9)), messages=[], events=[])
    found = await stores.runs.recent("acme", limit=3)

    assert [each.id for each in found] == ["run-4", "run-3", "run-2"]
    assert found[0] == run("run-4", created_at=after(4))


async def test_concurrent_steps_of_one_run_lose_nothing(stores):
    """Two steps that begin, report and end at the same time each leave their rows and raise the version."""
    epoch = await approved(stores)

    async def work(step_id):
        number = await begin(stores, epoch, step_id, events=[event(f"begin {step_id}")])
        await asyncio.gather(
            *(stores.runs.note("run-1", epoch=epoch, step_id=step_id, detail=f"{n}") for n in range(50))
        )
        await end(stores, epoch, number, step_id=step_id, events=[event(f"end {step_id}")])

    await asyncio.gather(*(work(step_id) for step_id in ("check", "scale", "watch")))
    found = await stores.runs.get("run-1")
    records = [record async for record in stores.audit.records("acme")]

    assert all(step.state is StepState.DONE for step in found.steps)
    assert found.version == 3 + 3 * 52
    assert len(records) == 6
    assert list(audit.verify(KEY, "acme", records, [])) == []


async def test_a_policy_that_asks_for_none_is_consumed_like_any_other(stores):
    """Its approval row was stored as given."""
    given = approval("run-1", decision=Decision.APPROVED, decided_at=T0)
    await stores.runs.create(run(state=RunState.READY, approval=given), messages=[], events=[])
    epoch = (await stores.runs.claim("run-1")).epoch

    assert await stores.runs.consume("run-1", epoch=epoch, now=T0, events=[])
