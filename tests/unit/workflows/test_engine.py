"""The engine: retries, doubt, being cut off at every point, and being overtaken."""

import asyncio

import pytest

from controlplane.contract import errors as cp
from tests.fixtures import house as houses
from workflows import ports
from workflows.runs import RunState, StepState


class KilledError(BaseException):
    """Stands for kill -9 inside one process: nothing after it runs."""


class Trap:
    """A checkpoint that kills once at a named point."""

    def __init__(self, point: str) -> None:
        self.point = point

    def __call__(self, point: str) -> None:
        if point == self.point:
            self.point = ""
            raise KilledError


async def approved(house, text="scale web to 5 in shop"):
    run_id = (await house.ask(text)).run_id
    assert (await house.decide(run_id, "bob")).accepted
    house.dispatcher.advanced.clear()
    return run_id


async def attempts(house, run_id):
    run = await house.stores.runs.get(run_id)
    return {step.id: len(step.attempts) for step in run.steps}


@pytest.mark.parametrize("point", ["after_gate", "after_attempt", "after_end"])
async def test_a_run_cut_off_at_any_point_is_finished_with_one_effect(house, point):
    """Killed at each point and driven again: the change happens exactly once and the run ends well."""
    house = await houses.build(house.stores, clock=house.clock, checkpoint=Trap(point))
    run_id = await approved(house)
    with pytest.raises((KilledError, BaseExceptionGroup)):
        await house.engine.advance(run_id)
    assert (await house.stores.runs.get(run_id)).state is RunState.RUNNING
    assert await house.stores.runs.unfinished() == [run_id]

    await house.engine.advance(run_id)

    assert (await house.stores.runs.get(run_id)).state is RunState.SUCCEEDED
    assert house.operations.calls("scale_deployment") == 1


async def test_a_change_whose_answer_was_lost_is_not_repeated(house):
    """The connection broke after the effect: the same key finds it done, the cluster is called once."""
    run_id = await approved(house)
    house.operations.faults["scale_deployment"] = [(cp.NetworkError("cut"), True)]

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.SUCCEEDED
    assert house.operations.calls("scale_deployment") == 1
    assert (await attempts(house, run_id))["perform_scaling"] == 2


async def test_a_change_that_stays_unknown_needs_a_human(house):
    """No answer in three attempts: the run stops and asks, and is not called failed."""
    run_id = await approved(house)
    house.operations.faults["scale_deployment"] = [cp.OperationTimeoutError("slow")] * 9

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.NEEDS_HUMAN
    assert run.step("perform_scaling").state is StepState.IN_DOUBT
    assert run.step("monitor_scaling").state is StepState.SKIPPED
    assert len(run.step("perform_scaling").attempts) == 3


async def test_doubt_told_by_the_control_plane_is_not_retried(house):
    """InDoubtError ends the step at once."""
    run_id = await approved(house)
    house.operations.faults["scale_deployment"] = [cp.InDoubtError()]

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.NEEDS_HUMAN
    assert len(run.step("perform_scaling").attempts) == 1


async def test_a_refused_change_fails_without_retry(house):
    """A conflict surely did not happen; the steps after it are skipped, not run."""
    run_id = await approved(house)
    house.operations.faults["scale_deployment"] = [cp.ConflictError("changed meanwhile")]

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.FAILED
    assert run.step("perform_scaling").error_code == "SCALE_OPERATION_FAILED"
    assert run.step("monitor_scaling").state is StepState.SKIPPED
    assert house.operations.calls("scale_deployment") == 0


async def test_a_failing_read_is_retried_and_its_budget_is_kept(house):
    """Two transient failures, then success: three attempts of one step."""
    run_id = await approved(house)
    house.operations.faults["get_deployment_status"] = [cp.ClusterUnavailableError("down")] * 2

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.SUCCEEDED
    assert (await attempts(house, run_id))["validate_scaling"] == 3


async def test_an_exhausted_read_fails_the_run_before_any_change(house):
    """Three transient failures are the budget; nothing was changed."""
    run_id = await approved(house)
    house.operations.faults["get_deployment_status"] = [cp.ClusterUnavailableError("down")] * 9

    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.FAILED
    assert run.step("validate_scaling").error_code == "TASK_RETRY_EXHAUSTED"
    assert house.operations.calls("scale_deployment") == 0


async def test_a_worker_that_was_overtaken_changes_nothing(house):
    """While one worker is in the middle of the change another claims the run: the first one's record is refused."""
    run_id = await approved(house)
    overtaken: list[int] = []

    def overtake(operation):
        if operation == "scale_deployment" and not overtaken:
            overtaken.append(1)
            tasks.append(asyncio.ensure_future(house.stores.runs.claim(run_id)))

    tasks: list[asyncio.Future] = []
    house.operations.before = overtake

    await house.engine.advance(run_id)
    await tasks[0]

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.RUNNING
    assert run.epoch == 2
    await house.engine.advance(run_id)
    assert (await house.stores.runs.get(run_id)).state is RunState.SUCCEEDED
    assert house.operations.calls("scale_deployment") == 1


async def test_a_run_that_waits_is_only_rows(house):
    """Advancing a run that waits for a decision does nothing at all."""
    run_id = (await house.ask("scale web to 5 in shop")).run_id
    before = await house.stores.runs.get(run_id)

    await house.engine.advance(run_id)

    after = await house.stores.runs.get(run_id)
    assert (after.state, after.steps, after.version) == (before.state, before.steps, before.version)


async def test_a_rollout_that_does_not_finish_fails_with_what_was_done(house):
    """The change happened; the summary says so and that the rollout was taken over by somebody else."""
    run_id = await approved(house)
    real = house.operations._status

    def hijacked(namespace, name):
        status = real(namespace, name)
        return status | {"desired": 7} if house.operations.calls("scale_deployment") else status

    house.operations._status = hijacked
    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.FAILED
    assert "Scaled web to 5" in run.summary
    assert "Somebody else set web in shop to 7 replicas" in run.summary


async def test_a_drift_check_that_cannot_be_made_consumes_nothing(house):
    """Cluster down between approval and execution: the run stays ready and goes on later."""
    run_id = await approved(house)
    house.operations.faults["preview:scale_deployment"] = [cp.ClusterUnavailableError("down")]

    with pytest.raises(cp.ClusterUnavailableError):
        await house.engine.advance(run_id)
    waiting = await house.stores.runs.get(run_id)
    assert waiting.state is RunState.READY
    assert waiting.steps[0].detail == "waiting to begin: down"

    await house.engine.advance(run_id)
    assert (await house.stores.runs.get(run_id)).state is RunState.SUCCEEDED


async def test_two_workers_at_once_make_one_effect(house):
    """Two advances race; the epoch lets one win, whatever the order."""
    run_id = await approved(house)

    await asyncio.gather(*(house.engine.advance(run_id) for _ in range(4)))
    await house.engine.advance(run_id)

    run = await house.stores.runs.get(run_id)
    assert run.state is RunState.SUCCEEDED
    assert house.operations.calls("scale_deployment") == 1


async def test_stale_writes_are_refused(house):
    """Every write with an old epoch raises."""
    run_id = await approved(house)
    old = await house.stores.runs.claim(run_id)
    await house.stores.runs.claim(run_id)

    with pytest.raises(ports.StaleEpochError):
        await house.stores.runs.begin(run_id, epoch=old.epoch, step_id="validate_scaling", now=house.clock(), events=[])
