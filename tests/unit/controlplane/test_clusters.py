"""Names of objects as paths, and a registry in which one cluster cannot slow another."""

import asyncio

import pytest

from controlplane.contract import errors
from controlplane.server.clusters import port
from controlplane.server.clusters.registry import ClusterRegistry, LimitedCluster
from tests.fakes.cluster import InMemoryCluster

WEB = port.deployments("shop").named("web")


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (port.pods("shop"), "/api/v1/namespaces/shop/pods"),
        (WEB.named("web", "scale"), "/apis/apps/v1/namespaces/shop/deployments/web/scale"),
        (port.NAMESPACES.named("shop"), "/api/v1/namespaces/shop"),
        (port.pods("shop").named("../../secrets"), "/api/v1/namespaces/shop/pods/..%2F..%2Fsecrets"),
        (port.pods("shop").named("a?b#c"), "/api/v1/namespaces/shop/pods/a%3Fb%23c"),
    ],
)
def test_a_name_never_becomes_a_path(ref: port.Ref, path: str) -> None:
    """Whatever it holds is quoted."""
    assert ref.path == path


def test_the_cluster_meant_is_the_named_the_default_or_the_only_one() -> None:
    """And it is told by its name."""
    one, two = InMemoryCluster("one"), InMemoryCluster("two")
    registry = ClusterRegistry({"w1": {"one": one, "two": two}, "w2": {"two": two}}, defaults={"w1": "one"})

    assert registry.resolve("w1", "two")[0] == "two"
    assert registry.resolve("w1", "")[0] == "one"
    assert registry.resolve("w2", "")[0] == "two"
    assert registry.resolve("w1", "two")[1] is registry.resolve("w2", "two")[1]


def test_which_cluster_is_asked_when_several_could_be_meant() -> None:
    """Never guessed."""
    registry = ClusterRegistry({"w1": {"one": InMemoryCluster(), "two": InMemoryCluster()}})

    with pytest.raises(errors.InvalidRequestError, match=r"Which cluster\? Workspace w1 has one, two"):
        registry.resolve("w1", "")


def test_a_cluster_of_another_workspace_is_not_known() -> None:
    """Nor is its name told."""
    registry = ClusterRegistry({"w1": {"one": InMemoryCluster()}, "w2": {"two": InMemoryCluster()}})

    with pytest.raises(errors.NotFoundError, match="Known: one") as caught:
        registry.resolve("w1", "two")
    assert caught.value.details == {"clusters": ["one"]}
    with pytest.raises(errors.NotFoundError, match=r"hexa\.yaml"):
        registry.resolve("w9", "one")


async def test_a_cluster_that_hangs_does_not_slow_another() -> None:
    """Each has its own limit."""
    slow, quick = InMemoryCluster("slow"), InMemoryCluster("quick")
    quick.add_deployment("shop", "web")
    asked = asyncio.Event()
    slow.before = lambda call: asked.set()
    slow.hang()
    registry = ClusterRegistry({"w1": {"slow": slow, "quick": quick}})
    _, hanging = registry.resolve("w1", "slow")
    waiting = [asyncio.create_task(hanging.get(WEB, timeout=30)) for _ in range(100)]
    await asyncio.wait_for(asked.wait(), 5)

    _, other = registry.resolve("w1", "quick")
    async with asyncio.timeout(5):
        assert (await other.get(WEB, timeout=5))["metadata"]["name"] == "web"

    assert len(slow.calls) < 100
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_whoever_waits_for_a_busy_cluster_did_nothing() -> None:
    """The deadline includes the wait, and the call was never made."""
    cluster = InMemoryCluster()
    asked = asyncio.Event()
    cluster.before = lambda call: asked.set()
    cluster.hang()
    limited = LimitedCluster(cluster, calls=1)
    first = asyncio.create_task(limited.get(WEB, timeout=30))
    await asyncio.wait_for(asked.wait(), 5)

    with pytest.raises(errors.OperationTimeoutError) as caught:
        await limited.patch(WEB, {"spec": {"replicas": 1}}, timeout=-0.9)

    assert caught.value.happened is False
    assert len(cluster.calls) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_an_adapter_without_a_deadline_of_its_own_still_has_one() -> None:
    """The call was made, so it is not known what happened."""

    class Deaf(InMemoryCluster):
        async def get(self, ref: port.Ref, *, timeout: float) -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

    with pytest.raises(errors.OperationTimeoutError) as caught:
        await LimitedCluster(Deaf()).get(WEB, timeout=-0.9)

    assert caught.value.happened is None


async def test_watches_do_not_take_the_place_of_calls() -> None:
    """They have a limit of their own, and beyond it one is asked to come back."""
    cluster = InMemoryCluster()
    cluster.add_deployment("shop", "web")
    limited = LimitedCluster(cluster, calls=1, watches=1)
    watching = limited.watch(port.deployments("shop"), resource_version="0", timeout=5)
    assert (await anext(watching))["type"] == "ADDED"

    await limited.get(WEB, timeout=5)
    with pytest.raises(errors.RateLimitError):
        await anext(limited.watch(port.deployments("shop"), resource_version="0", timeout=5))
    await watching.aclose()
