"""Scaling through the whole control plane: what was approved happens, once, and nothing else does."""

import asyncio
from dataclasses import replace

import pytest

from controlplane.contract import errors
from controlplane.server.clusters import answers, port
from security import ports
from tests.integration.controlplane.conftest import SCALE, World

WEB = port.deployments("shop").named("web")


async def test_an_approved_change_is_made_once_and_recorded_before_and_after(world: World) -> None:
    """started precedes the call, done follows it, and the answer names the new generation."""
    preview = await world.approved()

    outcome = await world.execute(preview)

    assert (await world.cluster.get(WEB, timeout=1))["spec"]["replicas"] == 6
    assert [(one.path, one.before, one.after) for one in outcome.changes] == [("spec.replicas", 3, 6)]
    assert (outcome.already, outcome.target.generation) == (False, 2)
    assert [one.outcome for one in world.audit.written if one.type.startswith("operation_")] == ["started", "done"]


async def test_the_patch_names_the_version_that_was_looked_at(world: World) -> None:
    """A change in between makes the API server refuse it."""
    preview = await world.approved()

    await world.execute(preview)

    (patch,) = world.cluster.patches()
    assert patch.body == {"metadata": {"resourceVersion": preview.target.resource_version}, "spec": {"replicas": 6}}


async def test_a_preview_changes_nothing(world: World) -> None:
    """The dry run reaches the cluster as one."""
    preview = await world.client.preview("scale_deployment", SCALE, world.caller())

    assert preview.changes[0].after == 6
    assert world.cluster.patches() == []
    assert preview.cluster == "main"


async def test_without_a_grant_nothing_reaches_the_cluster(world: World) -> None:
    """A token with a run and a digest is not an approval; the ledger is asked."""
    preview = await world.approved()
    world.ledger.grants.clear()
    before = len(world.cluster.calls)

    with pytest.raises(errors.PermissionDeniedError, match="no approval found"):
        await world.execute(preview)

    assert len(world.cluster.calls) == before
    assert world.audit.of("operation_refused")[-1].reason == "no_approval"


async def test_a_grant_that_is_not_consumed_is_none(world: World) -> None:
    """Approved is not yet begun."""
    preview = await world.approved()
    world.ledger.grants["run1"] = replace(world.ledger.grants["run1"], consumed_at=None)

    with pytest.raises(errors.PermissionDeniedError, match="no approval found"):
        await world.execute(preview)


async def test_a_grant_of_somebody_else_is_none(world: World) -> None:
    """The requester of the run and the subject of the token are the same person."""
    preview = await world.approved(person="dave")

    caller = world.caller("alice", run="run1", step="scale", digest=world.digest(preview, "dave"))

    with pytest.raises(errors.PermissionDeniedError, match="no approval found"):
        await world.client.execute("scale_deployment", SCALE, caller, idempotency_key="run1:scale")


async def test_a_token_without_a_run_cannot_change_anything(world: World) -> None:
    """A token for talking is not a token for doing."""
    await world.approved()

    with pytest.raises(errors.PermissionDeniedError, match="no approval found"):
        await world.client.execute("scale_deployment", SCALE, world.caller(), idempotency_key="run1:scale")


async def test_a_digest_does_not_cover_other_replicas(world: World) -> None:
    """Approved for 6, asked for 7."""
    preview = await world.approved()

    with pytest.raises(errors.DriftError):
        await world.execute(preview, replicas=7)

    assert world.cluster.patches() == []
    assert world.effects.rows == {}


async def test_an_object_made_anew_is_not_the_one_that_was_approved(world: World) -> None:
    """Same name, same replicas, another uid."""
    preview = await world.approved()
    world.cluster.delete(WEB)
    world.cluster.add_deployment("shop", "web", 3)

    with pytest.raises(errors.DriftError) as caught:
        await world.execute(preview)

    assert caught.value.happened is False
    assert caught.value.details["target"]["uid"] != preview.target.uid
    assert world.audit.of("operation_refused")[-1].reason == "drift"


async def test_a_changed_spec_is_drift_even_where_the_replicas_are_the_same(world: World) -> None:
    """The generation moved."""
    preview = await world.approved()
    world.cluster.touch(WEB, spec={"paused": True})

    with pytest.raises(errors.DriftError, match="generation 2"):
        await world.execute(preview)


async def test_a_status_change_is_not_drift(world: World) -> None:
    """It moves the resource version only, and the fresh one is sent."""
    preview = await world.approved()
    world.cluster.touch(WEB, status={"readyReplicas": 1})

    await world.execute(preview)

    assert world.cluster.patches()[0].body["metadata"]["resourceVersion"] != preview.target.resource_version


async def test_a_status_change_between_look_and_patch_is_looked_at_again(world: World) -> None:
    """409 for the resource version alone leads to a second look and a fresh patch."""
    preview = await world.approved()

    def once(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            world.cluster.before = lambda later: None
            world.cluster.touch(WEB, status={"readyReplicas": 2})

    world.cluster.before = once

    outcome = await world.execute(preview)

    assert outcome.target.generation == 2
    assert len(world.cluster.patches()) == 2


async def test_a_spec_change_between_look_and_patch_is_drift(world: World) -> None:
    """The second look finds another generation; nothing was changed and the effect is forgotten."""
    preview = await world.approved()

    def once(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            world.cluster.before = lambda later: None
            world.cluster.touch(WEB, spec={"replicas": 5})

    world.cluster.before = once

    with pytest.raises(errors.DriftError):
        await world.execute(preview)

    assert (await world.cluster.get(WEB, timeout=1))["spec"]["replicas"] == 5
    assert world.effects.rows == {}


async def test_a_second_step_of_the_same_run_expects_the_generation_of_the_first(world: World) -> None:
    """Generations made by the run itself are no drift."""
    first = await world.approved(replicas=6)
    second = first.model_copy(
        update={
            "parameters": {**first.parameters, "replicas": 3},
            "changes": (first.changes[0].model_copy(update={"before": 6, "after": 3}),),
        }
    )
    grant = world.ledger.grants["run1"]
    world.ledger.grants["run1"] = replace(grant, digests=(*grant.digests, world.digest(second)))

    await world.execute(first)
    outcome = await world.execute(second, step="undo", replicas=3)

    assert outcome.target.generation == 3
    assert (await world.cluster.get(WEB, timeout=1))["spec"]["replicas"] == 3


async def test_repeating_a_finished_step_calls_nothing(world: World) -> None:
    """The stored answer comes back, marked, even when the cluster is gone."""
    preview = await world.approved()
    first = await world.execute(preview)
    before = len(world.cluster.calls)
    world.cluster.hang()

    again = await world.execute(preview)

    assert again == first.model_copy(update={"already": True})
    assert len(world.cluster.calls) == before


async def test_one_key_stands_for_one_operation(world: World) -> None:
    """The key of a finished step with other parameters is refused."""
    await world.execute(await world.approved())
    other = await world.approved(replicas=9)

    with pytest.raises(errors.InvalidRequestError, match="Idempotency-Key"):
        await world.execute(other, replicas=9)


async def test_a_token_of_one_step_cannot_use_the_key_of_another(world: World) -> None:
    """The key belongs to run and step of the token."""
    preview = await world.approved()
    caller = world.caller(run="run1", step="scale", digest=world.digest(preview))

    with pytest.raises(errors.InvalidRequestError, match="run"):
        await world.client.execute("scale_deployment", SCALE, caller, idempotency_key="run1:scaleup")


async def test_a_change_to_what_already_is_does_nothing(world: World) -> None:
    """No patch, no effect, a record."""
    preview = await world.approved(replicas=3)

    outcome = await world.execute(preview, replicas=3)

    assert outcome.changes == ()
    assert world.cluster.patches() == []
    assert world.audit.of("operation_done")[-1].reason == "no_change"


async def killed_after_the_patch(world: World) -> object:
    """Run the execution the way it ends when the process dies between patch and record."""
    preview = await world.approved()

    def die(point: str) -> None:
        raise RuntimeError(point)

    world.checkpoint = die
    with pytest.raises(errors.ControlPlaneError) as caught:
        await world.execute(preview)
    assert caught.value.happened is None
    assert world.effects.rows["run1:scale"].finished_at is None
    world.checkpoint = lambda point: None
    return preview


async def test_killed_between_patch_and_record_is_recognised_and_not_done_again(world: World) -> None:
    """One generation further and as wanted: that was us."""
    preview = await killed_after_the_patch(world)

    outcome = await world.execute(preview)

    assert outcome.already
    assert outcome.target.generation == 2
    assert [(one.before, one.after) for one in outcome.changes] == [(3, 6)]
    assert len(world.cluster.patches()) == 1
    assert world.effects.rows["run1:scale"].finished_at is not None


async def test_killed_before_the_patch_goes_on_with_it(world: World) -> None:
    """Still as approved: nothing had happened."""
    preview = await world.approved()

    def cut(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            raise answers.unreachable("main", sent=True)

    world.cluster.before = cut
    with pytest.raises(errors.ClusterUnavailableError) as caught:
        await world.execute(preview)
    assert caught.value.happened is None
    world.cluster.before = lambda call: None

    outcome = await world.execute(preview)

    assert not outcome.already
    assert (await world.cluster.get(WEB, timeout=1))["spec"]["replicas"] == 6


async def test_an_earlier_attempt_that_lands_during_the_repetition_is_recognised(world: World) -> None:
    """It was still under way when the object was looked at: one change, told as done earlier."""
    preview = await world.approved()

    def cut(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            raise answers.unreachable("main", sent=True)

    def land(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            world.cluster.before = lambda later: None
            world.cluster.touch(WEB, spec={"replicas": 6})

    world.cluster.before = cut
    with pytest.raises(errors.ClusterUnavailableError):
        await world.execute(preview)
    world.cluster.before = land

    outcome = await world.execute(preview)

    assert (outcome.already, outcome.target.generation) == (True, 2)


async def test_killed_and_changed_by_somebody_since_is_for_a_human(world: World) -> None:
    """Neither as approved nor as that attempt would have left it."""
    preview = await killed_after_the_patch(world)
    world.cluster.touch(WEB, spec={"replicas": 4})

    with pytest.raises(errors.InDoubtError) as caught:
        await world.execute(preview)

    assert caught.value.happened is None
    assert world.audit.of("operation_in_doubt")
    assert len(world.cluster.patches()) == 1


async def test_an_unfinished_attempt_on_an_object_made_anew_is_for_a_human(world: World) -> None:
    """The uid is another one."""
    preview = await killed_after_the_patch(world)
    world.cluster.delete(WEB)
    world.cluster.add_deployment("shop", "web", 6)

    with pytest.raises(errors.InDoubtError):
        await world.execute(preview)


async def test_looking_after_a_cut_off_attempt_cannot_promise_that_nothing_happened(world: World) -> None:
    """The cluster cannot be reached, so it is not known."""
    preview = await killed_after_the_patch(world)

    def down(call: object) -> None:
        raise answers.unreachable("main", sent=False)

    world.cluster.before = down

    with pytest.raises(errors.ClusterUnavailableError) as caught:
        await world.execute(preview)

    assert caught.value.happened is None


async def test_a_refusal_after_a_cut_off_attempt_cannot_promise_that_nothing_happened(world: World) -> None:
    """The role was taken away, or the trail is full: the earlier attempt is still unaccounted for."""
    preview = await killed_after_the_patch(world)
    world.bindings.held["alice"] = ()
    with pytest.raises(errors.PermissionDeniedError) as denied:
        await world.execute(preview)
    world.audit.unavailable = True
    with pytest.raises(errors.ControlPlaneError, match="audit") as unrecorded:
        await world.execute(preview)

    assert (denied.value.happened, unrecorded.value.happened) == (None, None)
    assert world.effects.rows["run1:scale"].target_uid == preview.target.uid


async def test_a_patch_that_took_place_although_the_answer_was_lost_is_recognised(world: World) -> None:
    """The connection broke after the API server had done it."""
    preview = await world.approved()

    def lost(call: object) -> None:
        world.cluster.after_patch = lambda later: None
        raise answers.too_slow("main", sent=True)

    world.cluster.after_patch = lost
    with pytest.raises(errors.OperationTimeoutError) as caught:
        await world.execute(preview)
    assert caught.value.happened is None

    outcome = await world.execute(preview)

    assert outcome.already
    assert len(world.cluster.patches()) == 1


async def test_a_refusal_of_the_cluster_is_forgotten_and_told(world: World) -> None:
    """403 of the API server: it surely did not happen, so it may be tried again."""
    preview = await world.approved()

    def refuse(call: object) -> None:
        if call.verb == "patch" and not call.dry_run:
            raise errors.PermissionDeniedError("Cluster main does not let Hexa do this: forbidden.")

    world.cluster.before = refuse

    with pytest.raises(errors.PermissionDeniedError) as caught:
        await world.execute(preview)

    assert caught.value.happened is False
    assert world.effects.rows == {}
    assert world.audit.of("operation_failed")


async def test_a_claim_left_by_a_dead_process_is_taken_over(world: World) -> None:
    """It has no target, so the cluster was never called."""
    preview = await world.approved()
    world.effects.rows["run1:scale"] = ports.Effect("run1:scale", "run1", "f", "", world.clock(), None, None)

    with pytest.raises(errors.RateLimitError):
        await world.execute(preview)
    world.clock.advance(10)
    outcome = await world.execute(preview)

    assert not outcome.already


async def test_two_attempts_at_once_make_one_change(world: World) -> None:
    """The second waits for the first and gets its answer."""
    preview = await world.approved()

    outcomes = await asyncio.gather(world.execute(preview), world.execute(preview))

    assert sorted(one.already for one in outcomes) == [False, True]
    assert len(world.cluster.patches()) == 1


async def test_a_role_taken_away_after_the_approval_stops_the_change(world: World) -> None:
    """Permissions are those of the moment of execution, not of the token."""
    preview = await world.approved()
    world.bindings.held["alice"] = ("deployments.get:shop",)
    before = len(world.cluster.calls)

    with pytest.raises(errors.PermissionDeniedError, match=r"deployments\.scale:shop"):
        await world.execute(preview)

    assert len(world.cluster.calls) == before
    assert world.audit.of("authorization_denied")[-1].reason == "insufficient_permissions"


async def test_no_audit_no_operation(world: World) -> None:
    """When the authorisation cannot be recorded nothing reaches the cluster."""
    preview = await world.approved()
    before = len(world.cluster.calls)
    world.audit.unavailable = True

    with pytest.raises(errors.ControlPlaneError, match="audit") as caught:
        await world.execute(preview)

    assert caught.value.happened is False
    assert len(world.cluster.calls) == before


async def test_no_record_of_the_start_no_patch(world: World) -> None:
    """The start is written ahead; without it the effect is forgotten."""
    preview = await world.approved()
    world.audit.break_on = "operation_started"

    with pytest.raises(errors.ControlPlaneError, match="audit") as caught:
        await world.execute(preview)

    assert caught.value.happened is False
    assert world.cluster.patches() == []
    assert world.effects.rows == {}


async def test_no_record_of_the_end_is_not_told_as_success(world: World) -> None:
    """It happened and the caller hears that this is not certain; the repetition tells and records it."""
    preview = await world.approved()
    world.audit.break_on = "operation_done"
    with pytest.raises(errors.ControlPlaneError, match="audit") as caught:
        await world.execute(preview)
    assert caught.value.happened is None
    world.audit.break_on = ""

    outcome = await world.execute(preview)

    assert outcome.already
    assert world.audit.of("operation_repeated")
