"""The Cluster port: the fake behaves like the real adapter, against the demo cluster and against a real one."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlplane.contract import errors
from controlplane.server.clusters import port
from controlplane.server.clusters.kubeconfig import Kubeconfig
from controlplane.server.clusters.kubernetes import KubernetesCluster
from tests.fakes.cluster import InMemoryCluster

WAIT = 20.0


@dataclass
class Stage:
    """A cluster with the deployment ``web`` (2 replicas, labelled app=web) and a pod with a log in *namespace*."""

    cluster: port.Cluster
    namespace: str
    pod: str

    @property
    def web(self) -> port.Ref:
        return port.deployments(self.namespace).named("web")

    @property
    def scale(self) -> port.Ref:
        return self.web.named("web", "scale")

    async def look(self) -> dict[str, Any]:
        return await self.cluster.get(self.web, timeout=WAIT)


def in_memory() -> Stage:
    cluster = InMemoryCluster()
    cluster.add_namespace("shop")
    cluster.add_deployment("shop", "web", 2, labels={"app": "web"})
    cluster.add_deployment("shop", "api", 1, labels={"app": "api"})
    pod = port.pods("shop").named("web-1")
    cluster.add(pod, spec={"containers": [{"name": "web"}]}, metadata={"labels": {"app": "web"}})
    cluster.log_bytes["shop", "web-1"] = b"one\ntwo\nthree\n"
    about = {"kind": "Deployment", "name": "web"}
    cluster.add(port.events("shop").named("e1"), involvedObject=about, reason="ScalingReplicaSet")
    cluster.add(port.events("shop").named("e2"), involvedObject={"kind": "Deployment", "name": "api"})
    return Stage(cluster, "shop", "web-1")


async def until(seen: Callable[[], Awaitable[Any]]) -> Any:
    """What *seen* answers once it answers something: controllers of another process need their time."""
    async with asyncio.timeout(60):
        while not (found := await seen()):  # noqa: ASYNC110 -- what is waited for happens in another process
            await asyncio.sleep(0.1)
        return found


async def prepared(cluster: KubernetesCluster, namespace: str) -> Stage:
    """Create what the stage needs and wait for a pod that has written something."""
    client = await cluster._connected()

    async def post(path: str, body: dict[str, Any]) -> None:
        response = await client.call_api(
            path, "POST", body=body, header_params={"Content-Type": "application/json"},
            auth_settings=["BearerToken"], _preload_content=False, _request_timeout=WAIT, query_params=[],
        )  # fmt: skip
        assert response.status == 201, await response.text()

    await post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    for name, replicas in (("web", 2), ("api", 1)):
        metadata = {"labels": {"app": name}}
        template = {"metadata": metadata, "spec": {"containers": [{"name": name, "image": f"example/{name}:1.0"}]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
        await post(f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)

    async def pod_with_log() -> str:
        listed = await cluster.list(port.pods(namespace), label_selector="app=web", timeout=WAIT)
        for one in listed["items"]:
            name = one["metadata"]["name"]
            ref = port.pods(namespace).named(name)
            if (one.get("status") or {}).get("phase") == "Running":
                lines = await cluster.logs(ref, tail_lines=5, limit_bytes=10_000, timeout=WAIT)
                if lines.count(b"\n") >= 2:
                    return name
        return ""

    return Stage(cluster, namespace, await until(pod_with_log))


async def on_kubernetes(path: Path) -> AsyncIterator[Stage]:
    cluster = KubernetesCluster("contract", Kubeconfig(path))
    namespace = f"contract-{secrets.token_hex(4)}"
    try:
        yield await prepared(cluster, namespace)
    finally:
        client = await cluster._connected()
        response = await client.call_api(
            f"/api/v1/namespaces/{namespace}", "DELETE", auth_settings=["BearerToken"], _preload_content=False,
            _request_timeout=WAIT, query_params=[],
        )  # fmt: skip
        response.release()
        await cluster.close()


@pytest.fixture(params=["memory", "demo", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    if request.param == "memory":
        yield in_memory()
    elif request.param == "demo":
        from demo import DemoCluster

        demo = DemoCluster(tmp_path / "demo")
        await demo.start()
        try:
            demo.write_kubeconfig(tmp_path / "kubeconfig")
            async for one in on_kubernetes(tmp_path / "kubeconfig"):
                yield one
        finally:
            await demo.stop()
    else:
        path = os.environ.get("HEXA_TEST_KUBECONFIG")
        if not path:
            pytest.skip("HEXA_TEST_KUBECONFIG names no cluster: the Cluster port was not tested against a real one")
        async for one in on_kubernetes(Path(path)):
            yield one


async def test_an_object_comes_as_the_server_sent_it(stage: Stage) -> None:
    """Raw JSON with identity, generation and version."""
    metadata = (await stage.look())["metadata"]

    assert (metadata["name"], metadata["namespace"], metadata["generation"]) == ("web", stage.namespace, 1)
    assert metadata["uid"]
    assert int(metadata["resourceVersion"]) > 0


async def test_a_missing_object_is_not_found(stage: Stage) -> None:
    """And nothing happened."""
    with pytest.raises(errors.NotFoundError) as caught:
        await stage.cluster.get(stage.web.named("nothing"), timeout=WAIT)

    assert caught.value.happened is False


async def test_lists_are_selected_by_label(stage: Stage) -> None:
    """Only what matches."""
    listed = await stage.cluster.list(port.deployments(stage.namespace), label_selector="app=api", timeout=WAIT)

    assert [one["metadata"]["name"] for one in listed["items"]] == ["api"]


async def test_a_limited_list_says_that_there_is_more(stage: Stage) -> None:
    """metadata.continue, which is missing from a whole list."""
    ref = port.deployments(stage.namespace)

    part = await stage.cluster.list(ref, limit=1, timeout=WAIT)
    whole = await stage.cluster.list(ref, timeout=WAIT)

    assert (len(part["items"]), len(whole["items"])) == (1, 2)
    assert part["metadata"]["continue"]
    assert not whole["metadata"].get("continue")


async def test_a_list_in_a_namespace_that_does_not_exist_is_empty(stage: Stage) -> None:
    """The server does not tell the two apart, so whoever asks must."""
    assert (await stage.cluster.list(port.pods("nowhere"), timeout=WAIT))["items"] == []
    with pytest.raises(errors.NotFoundError):
        await stage.cluster.get(port.NAMESPACES.named("nowhere"), timeout=WAIT)


async def test_events_are_selected_by_the_object_they_are_about(stage: Stage) -> None:
    """By field."""
    ref = port.events(stage.namespace)

    async def about_web() -> list[Any]:
        selector = "involvedObject.kind=Deployment,involvedObject.name=web"
        return (await stage.cluster.list(ref, field_selector=selector, timeout=WAIT))["items"]

    found = await until(about_web)

    assert {one["involvedObject"]["name"] for one in found} == {"web"}


async def test_a_dry_run_shows_the_result_and_changes_nothing(stage: Stage) -> None:
    """Not even the generation."""
    answer = await stage.cluster.patch(stage.scale, {"spec": {"replicas": 5}}, dry_run=True, timeout=WAIT)

    after = await stage.look()
    assert answer["spec"]["replicas"] == 5
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (2, 1)


async def test_scaling_moves_the_generation_by_exactly_one(stage: Stage) -> None:
    """The answer is a Scale with the new version."""
    before = await stage.look()

    answer = await stage.cluster.patch(stage.scale, {"spec": {"replicas": 3}}, timeout=WAIT)

    after = await stage.look()
    assert answer["spec"]["replicas"] == after["spec"]["replicas"] == 3
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert answer["metadata"]["uid"] == after["metadata"]["uid"]
    assert int(answer["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


async def test_scaling_to_what_is_there_moves_nothing(stage: Stage) -> None:
    """The generation stays."""
    await stage.cluster.patch(stage.scale, {"spec": {"replicas": 2}}, timeout=WAIT)

    assert (await stage.look())["metadata"]["generation"] == 1


async def test_scaling_to_zero_leaves_no_replicas(stage: Stage) -> None:
    """A Scale leaves zero out of its JSON."""
    answer = await stage.cluster.patch(stage.scale, {"spec": {"replicas": 0}}, timeout=WAIT)

    assert not answer["spec"].get("replicas")
    assert (await stage.look())["spec"]["replicas"] == 0


async def test_a_version_that_has_passed_is_a_conflict(stage: Stage) -> None:
    """Nothing is changed."""
    stale = (await stage.look())["metadata"]["resourceVersion"]
    await stage.cluster.patch(stage.scale, {"spec": {"replicas": 3}}, timeout=WAIT)

    body = {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 9}}
    with pytest.raises(errors.ConflictError) as caught:
        await stage.cluster.patch(stage.scale, body, timeout=WAIT)

    assert caught.value.happened is False
    assert (await stage.look())["spec"]["replicas"] == 3


async def test_logs_are_the_last_lines(stage: Stage) -> None:
    """As bytes."""
    ref = port.pods(stage.namespace).named(stage.pod)

    content = await stage.cluster.logs(ref, tail_lines=2, limit_bytes=10_000, timeout=WAIT)

    assert content.count(b"\n") == 2


async def test_logs_of_what_does_not_exist_are_refused(stage: Stage) -> None:
    """A pod is not found, a container is not valid."""
    pods = port.pods(stage.namespace)
    with pytest.raises(errors.NotFoundError):
        await stage.cluster.logs(pods.named("nothing"), tail_lines=1, limit_bytes=100, timeout=WAIT)
    with pytest.raises(errors.InvalidRequestError):
        await stage.cluster.logs(
            pods.named(stage.pod), container="nothing", tail_lines=1, limit_bytes=100, timeout=WAIT
        )


async def test_a_watch_tells_of_changes_after_its_version(stage: Stage) -> None:
    """Of the one object that was selected."""
    since = (await stage.look())["metadata"]["resourceVersion"]
    await stage.cluster.patch(stage.scale, {"spec": {"replicas": 4}}, timeout=WAIT)

    events = stage.cluster.watch(
        port.deployments(stage.namespace), resource_version=since, field_selector="metadata.name=web", timeout=WAIT
    )
    async with asyncio.timeout(WAIT):
        async for event in events:
            if event["type"] == "MODIFIED" and event["object"]["spec"]["replicas"] == 4:
                break
    await events.aclose()

    assert event["object"]["metadata"]["name"] == "web"


async def test_a_watch_without_changes_ends_by_itself(stage: Stage) -> None:
    """At its timeout, without an error."""
    since = (await stage.look())["metadata"]["resourceVersion"]

    events = stage.cluster.watch(
        port.deployments(stage.namespace), resource_version=since, field_selector="metadata.name=none", timeout=1
    )

    async with asyncio.timeout(WAIT):
        assert [event for event in [one async for one in events] if event["type"] != "BOOKMARK"] == []


async def test_the_versions_of_a_group_are_discovered(stage: Stage) -> None:
    """A group the server does not have has none."""
    assert "apps/v1" in await stage.cluster.versions("apps", timeout=WAIT)
    assert await stage.cluster.versions("nothing.example", timeout=WAIT) == ()


async def test_the_server_tells_its_version(stage: Stage) -> None:
    """As kubectl shows it."""
    assert (await stage.cluster.version(timeout=WAIT)).startswith("v1.")
