"""What reading operations answer, over HTTP, from a fake cluster."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from controlplane.client.http import HttpControlPlane
from controlplane.client.secure import SecureHKSClient
from controlplane.contract import errors
from controlplane.server.clusters import answers, port
from tests.integration.controlplane.conftest import CREDENTIAL, SCALE, World

SHOP = {"workspace_id": "w1", "namespace": "shop"}
WEB = port.deployments("shop").named("web")


def crashing_pod(world: World) -> None:
    status = {
        "name": "app",
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off, password hunter2"}},
        "lastState": {"terminated": {"reason": "Error", "exitCode": 3, "finishedAt": "2026-01-05T08:59:00Z"}},
    }
    owner = {"kind": "ReplicaSet", "name": "checkout-abc", "controller": True}
    world.cluster.add(
        port.pods("shop").named("checkout-abc-x1"),
        metadata={"labels": {"app": "checkout"}, "ownerReferences": [owner]},
        spec={"nodeName": "node-1", "containers": [{"name": "app", "image": "example/checkout:1"}]},
        status={"phase": "Running", "containerStatuses": [status]},
    )


async def test_a_crashing_pod_is_told_the_way_kubectl_tells_it(world: World) -> None:
    """Status, restarts, and why the container ended the last time."""
    crashing_pod(world)

    answer = await world.client.read("get_pods", {**SHOP, "label_selector": "app=checkout"}, world.caller())

    (pod,) = answer["items"]
    told = {key: pod[key] for key in ("status", "ready", "restarts", "node", "owner", "age_seconds", "healthy")}
    assert told == {
        "status": "CrashLoopBackOff", "ready": "0/1", "restarts": 7, "node": "node-1",
        "owner": "ReplicaSet/checkout-abc", "age_seconds": 3600, "healthy": False,
    }  # fmt: skip
    (container,) = pod["containers"]
    assert (container["last_reason"], container["last_exit_code"]) == ("Error", 3)
    assert container["message"] == "back-off, password [redacted]"


async def test_logs_are_the_last_lines_decoded_and_redacted(world: World) -> None:
    """Bytes that are no text are replaced."""
    crashing_pod(world)
    world.cluster.log_bytes["shop", "checkout-abc-x1"] = b"one\ntwo hunter2\nthree \xff\n"

    answer = await world.client.read("get_logs", {**SHOP, "pod_name": "checkout-abc-x1", "lines": 2}, world.caller())

    assert answer["lines"] == ["two [redacted]", "three \ufffd"]
    assert answer["truncated"] is False


async def test_logs_that_are_too_large_lose_their_beginning(world: World) -> None:
    """The newest lines matter; the first one kept is whole."""
    crashing_pod(world)
    lines = [f"{number:06d} {'x' * 1000}" for number in range(1000)]
    world.cluster.log_bytes["shop", "checkout-abc-x1"] = "\n".join(lines).encode()

    answer = await world.client.read("get_logs", {**SHOP, "pod_name": "checkout-abc-x1", "lines": 1000}, world.caller())

    assert answer["truncated"]
    assert answer["lines"][-1] == lines[-1]
    assert answer["lines"][0] in lines


async def test_events_come_newest_last_and_for_one_object(world: World) -> None:
    """By involvedObject.name."""
    for number, (name, last) in enumerate([("web", "09:02"), ("web", "09:01"), ("api", "09:00")]):
        world.cluster.add(
            port.events("shop").named(f"e{number}"),
            type="Warning",
            reason="BackOff",
            message=f"at {last} hunter2",
            count=number + 1,
            involvedObject={"kind": "Pod", "name": name},
            firstTimestamp="2026-01-05T08:00:00Z",
            lastTimestamp=f"2026-01-05T{last}:00Z",
        )

    answer = await world.client.read("get_events", {**SHOP, "object_name": "web"}, world.caller())

    assert [one["message"] for one in answer["items"]] == ["at 09:01 [redacted]", "at 09:02 [redacted]"]
    assert answer["items"][0]["object"] == "Pod/web"


async def test_events_are_selected_by_known_fields_only(world: World) -> None:
    """Before the cluster is asked."""
    with pytest.raises(errors.InvalidRequestError, match="Known fields"):
        await world.client.read("get_events", {**SHOP, "field_selector": "spec.nodeName=a"}, world.caller())

    assert world.cluster.calls == []


async def test_deployments_are_listed_with_their_state(world: World) -> None:
    """One complete, one waiting."""
    world.cluster.touch(port.deployments("shop").named("checkout"), status={"availableReplicas": 0})

    answer = await world.client.read("list_deployments", SHOP, world.caller())

    assert {one["name"]: one["state"] for one in answer["items"]} == {"checkout": "progressing", "web": "complete"}
    assert answer["items"][0]["reason"] == "0 of 2 updated replicas are available"


async def test_a_name_that_does_not_exist_is_answered_with_close_ones(world: World) -> None:
    """Among those the caller may list."""
    with pytest.raises(errors.NotFoundError, match="Did you mean checkout") as caught:
        await world.client.read("get_deployment_status", {**SHOP, "deployment_name": "chekout"}, world.caller())

    assert caught.value.details["did_you_mean"] == ["checkout"]


async def test_a_namespace_that_does_not_exist_is_told_apart_from_an_empty_one(world: World) -> None:
    """And suggestions are namespaces the caller may read: shipping is close, but not hers."""
    world.bindings.held["alice"] = ("pods.get:shop", "pods.get:ship")
    assert (await world.client.read("get_pods", SHOP, world.caller()))["items"] == []

    with pytest.raises(errors.NotFoundError, match="no namespace ship") as caught:
        await world.client.read("get_pods", {**SHOP, "namespace": "ship"}, world.caller())

    assert caught.value.details["did_you_mean"] == ["shop"]


async def test_names_are_not_suggested_to_who_may_not_list_them(world: World) -> None:
    """pods.logs alone does not show which pods there are."""
    crashing_pod(world)
    world.bindings.held["alice"] = ("pods.logs:shop",)

    with pytest.raises(errors.NotFoundError) as caught:
        await world.client.read("get_logs", {**SHOP, "pod_name": "checkout"}, world.caller())

    assert caught.value.details["did_you_mean"] == []


async def test_watching_answers_at_once_when_the_caller_is_behind(world: World) -> None:
    """The version it knows is not the present one."""
    status = await world.client.read("watch_deployment", {**SHOP, "deployment_name": "web"}, world.caller())

    assert status["state"] == "complete"
    assert not [call for call in world.cluster.calls if call.verb == "watch"]


async def test_watching_answers_when_the_deployment_changes(world: World) -> None:
    """Long before the wait is over."""
    known = {**SHOP, "deployment_name": "web", "wait": 20}
    status = await world.client.read("watch_deployment", known, world.caller())
    watching = asyncio.Event()
    world.cluster.before = lambda call: watching.set() if call.verb == "watch" else None

    waiting = asyncio.create_task(
        world.client.read("watch_deployment", {**known, "since": status["resource_version"]}, world.caller())
    )
    await asyncio.wait_for(watching.wait(), 5)
    world.cluster.touch(WEB, status={"availableReplicas": 1})

    changed = await asyncio.wait_for(waiting, 5)
    assert changed["available"] == 1


async def test_watching_a_version_that_is_too_old_reads_again(world: World) -> None:
    """410 is no error for the caller."""
    known = {**SHOP, "deployment_name": "web", "wait": 5}
    status = await world.client.read("watch_deployment", known, world.caller())
    world.cluster.forget_history()

    again = await world.client.read("watch_deployment", {**known, "since": status["resource_version"]}, world.caller())

    assert again["name"] == "web"


async def test_watching_ends_with_the_wait(world: World) -> None:
    """And with the status as it is."""
    known = {**SHOP, "deployment_name": "web", "wait": 0.05}
    status = await world.client.read("watch_deployment", known, world.caller())

    again = await world.client.read("watch_deployment", {**known, "since": status["resource_version"]}, world.caller())

    assert again == status


async def test_watching_tells_that_the_deployment_was_deleted(world: World) -> None:
    """While the caller waits."""
    known = {**SHOP, "deployment_name": "web", "wait": 20}
    status = await world.client.read("watch_deployment", known, world.caller())
    watching = asyncio.Event()
    world.cluster.before = lambda call: watching.set() if call.verb == "watch" else None

    waiting = asyncio.create_task(
        world.client.read("watch_deployment", {**known, "since": status["resource_version"]}, world.caller())
    )
    await asyncio.wait_for(watching.wait(), 5)
    world.cluster.delete(WEB)

    with pytest.raises(errors.NotFoundError):
        await asyncio.wait_for(waiting, 5)


async def test_an_autoscaler_of_the_deployment_is_warned_about(world: World) -> None:
    """It would undo the change."""
    world.cluster.add(
        port.Ref("autoscaling/v2", "horizontalpodautoscalers", "shop", "web"),
        spec={"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    )

    preview = await world.client.preview("scale_deployment", {**SCALE, "replicas": 0}, world.caller())

    assert [warning.partition(" ")[0] for warning in preview.warnings] == ["Scaling", "The"]
    assert "between 2 and 5" in preview.warnings[1]


async def test_autoscalers_that_cannot_be_looked_for_are_a_warning_not_a_failure(world: World) -> None:
    """Said, not hidden."""
    world.cluster.groups.pop("autoscaling")

    preview = await world.client.preview("scale_deployment", {**SCALE, "replicas": 3}, world.caller())

    assert preview.changes == ()
    assert preview.warnings[0].startswith("No change")
    assert preview.warnings[1].startswith("Could not check")


async def test_a_cluster_that_is_down_is_told_as_such(world: World) -> None:
    """With its name."""

    def down(call: object) -> None:
        raise answers.unreachable("main", sent=False)

    world.cluster.before = down

    with pytest.raises(errors.ClusterUnavailableError, match="main cannot be reached"):
        await world.client.read("get_pods", SHOP, world.caller())


async def test_a_request_ends_at_the_deadline_however_slow_the_cluster_is(unserved: World) -> None:
    """The deadline of the server, not the patience of the client."""
    unserved.deadline = 0.2
    unserved.cluster.hang()
    async with AsyncExitStack() as stack:
        await unserved.serve(stack)
        begun = time.monotonic()

        with pytest.raises(errors.OperationTimeoutError):
            await unserved.client.read("get_pods", SHOP, unserved.caller())

    assert time.monotonic() - begun < 5


async def test_an_unknown_cluster_is_answered_with_the_known_ones(world: World) -> None:
    """By name."""
    with pytest.raises(errors.NotFoundError, match="Known: main"):
        await world.client.read("get_pods", {**SHOP, "cluster": "other"}, world.caller())


async def test_a_control_plane_that_is_not_there_did_nothing(world: World) -> None:
    """Connection refused: happened is False."""
    client = HttpControlPlane(SecureHKSClient("http://127.0.0.1:1"), credential=CREDENTIAL)

    with pytest.raises(errors.NetworkError) as caught:
        await client.execute("scale_deployment", SCALE, world.caller(), idempotency_key="run1:scale")

    assert caught.value.happened is False
    await client.close()
