"""The whole path on an API server: plan, approve, scale, watch until done, and an answer that got lost."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from controlplane.contract import errors
from controlplane.server.clusters import port
from controlplane.server.clusters.kubeconfig import Kubeconfig
from controlplane.server.clusters.kubernetes import KubernetesCluster
from demo import DemoCluster, Fault
from tests.conftest import FixedClock
from tests.integration.controlplane.conftest import World


async def settled(world: World, **names: Any) -> dict[str, Any]:
    """Watch until the rollout is complete."""
    status = await world.client.read("get_deployment_status", names, world.caller())
    for _ in range(60):
        if status["state"] == "complete":
            return status
        known = {**names, "since": status["resource_version"], "wait": 2}
        status = await world.client.read("watch_deployment", known, world.caller())
    raise AssertionError(status)


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[DemoCluster]:
    cluster = DemoCluster(tmp_path / "demo", speed=20)
    await cluster.start()
    yield cluster
    await cluster.stop()


@pytest.fixture
async def world(demo: DemoCluster, tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    demo.write_kubeconfig(tmp_path / "kubeconfig")
    cluster = KubernetesCluster("main", Kubeconfig(tmp_path / "kubeconfig"))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        world = World(clock, cluster)  # type: ignore[arg-type]
        await world.serve(stack)
        yield world


NAMES = {"workspace_id": "w1", "namespace": "shop", "deployment_name": "web"}


async def test_scaling_is_watched_to_its_end(world: World) -> None:
    """And pods, events and logs tell about it."""
    before = await settled(world, **NAMES)
    wanted = before["desired"] + 1

    outcome = await world.execute(await world.approved(replicas=wanted), replicas=wanted)
    after = await settled(world, **NAMES)

    assert after["generation"] == outcome.target.generation == before["generation"] + 1
    assert after["available"] == wanted
    shop = {"workspace_id": "w1", "namespace": "shop"}
    pods = [
        one
        for one in (await world.client.read("get_pods", shop, world.caller()))["items"]
        if one["name"].startswith("web-")
    ]
    assert [(one["status"], one["ready"]) for one in pods] == [("Running", "1/1")] * wanted
    events = await world.client.read("get_events", {**shop, "object_name": "web"}, world.caller())
    assert events["items"][-1]["reason"] == "ScalingReplicaSet"
    logs = await world.client.read("get_logs", {**shop, "pod_name": pods[0]["name"], "lines": 2}, world.caller())
    assert len(logs["lines"]) == 2


async def test_the_crashing_deployment_of_the_demo_is_seen_as_such(world: World) -> None:
    """checkout is not available, and says why."""
    shop = {"workspace_id": "w1", "namespace": "shop"}

    found = (await world.client.read("list_deployments", shop, world.caller()))["items"]

    states = {one["name"]: one["available"] < one["desired"] for one in found}
    assert states["checkout"]
    assert {"web", "api"} <= states.keys()


async def test_a_lost_answer_is_found_out_by_the_same_key(world: World, demo: DemoCluster) -> None:
    """The API server did it and the connection broke: the repetition recognises its own work."""
    before = await settled(world, **NAMES)
    wanted = before["desired"] + 2
    preview = await world.approved(replicas=wanted)
    demo.faults.add(
        Fault(
            matches=lambda request: request.method == "PATCH" and "dryRun" not in request.query,
            drop=True,
            after_effect=True,
            times=1,
        )
    )
    with pytest.raises(errors.ClusterUnavailableError) as caught:
        await world.execute(preview, replicas=wanted)
    assert caught.value.happened is None

    outcome = await world.execute(preview, replicas=wanted)

    assert outcome.already
    status = await world.client.read("get_deployment_status", NAMES, world.caller())
    assert (status["desired"], status["generation"]) == (wanted, before["generation"] + 1)


async def test_somebody_with_kubectl_in_between_is_drift(world: World, tmp_path: Path) -> None:
    """The approved plan does not fit any more and nothing is changed."""
    before = await settled(world, **NAMES)
    wanted = before["desired"] + 2
    preview = await world.approved(replicas=wanted)
    other = KubernetesCluster("other", Kubeconfig(tmp_path / "kubeconfig"))
    web = port.deployments("shop").named("web", "scale")
    await other.patch(web, {"spec": {"replicas": before["desired"] + 1}}, timeout=10)
    await other.close()

    with pytest.raises(errors.DriftError):
        await world.execute(preview, replicas=wanted)

    status = await world.client.read("get_deployment_status", NAMES, world.caller())
    assert status["desired"] == before["desired"] + 1


@pytest.mark.kubernetes
async def test_a_role_of_the_cluster_that_is_missing_is_told_as_such(clock: FixedClock) -> None:
    """The cluster's own RBAC refuses Hexa; the sentence says that it is the cluster."""
    admin = os.environ.get("HEXA_TEST_KUBECONFIG")
    path = Path(admin).with_name("chatbot.kubeconfig") if admin else None
    if path is None or not path.exists():
        pytest.skip("HEXA_TEST_KUBECONFIG names no cluster with an account without rights")
    cluster = KubernetesCluster("main", Kubeconfig(path))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        world = World(clock, cluster)  # type: ignore[arg-type]
        await world.serve(stack)

        with pytest.raises(errors.PermissionDeniedError, match="Cluster main does not let Hexa do this"):
            await world.client.read("list_deployments", {"workspace_id": "w1", "namespace": "shop"}, world.caller())
