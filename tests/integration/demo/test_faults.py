import asyncio

import aiohttp
import pytest

from demo import Fault
from tests.integration.demo.conftest import DEPLOYMENTS

SCALE = f"{DEPLOYMENTS}/web/scale"


def is_patch(request):
    return request.method == "PATCH"


async def replicas(rest):
    return (await rest.get(SCALE))["spec"]["replicas"]


async def test_a_fault_refuses_as_often_as_told(cluster, rest):
    """Only what matches is refused, only so often, and nothing happens to the object."""
    cluster.faults.add(Fault(matches=is_patch, status=503, times=1))

    refused, body = await rest.merge(SCALE, {"spec": {"replicas": 4}})
    assert (refused, body["reason"], await replicas(rest)) == (503, "ServiceUnavailable", 3)

    assert (await rest.merge(SCALE, {"spec": {"replicas": 4}}))[0] == 200


async def test_a_connection_may_be_cut_after_the_effect(cluster, rest):
    """The client cannot know that it worked: the case a careful executor must survive."""
    cluster.faults.add(Fault(matches=is_patch, drop=True, after_effect=True))

    with pytest.raises(aiohttp.ClientError):
        await rest.merge(SCALE, {"spec": {"replicas": 4}})

    assert await replicas(rest) == 4
    assert [record.status for record in cluster.faults.journal if record.method == "PATCH"] == [0]


async def test_a_connection_may_be_cut_before_the_effect(cluster, rest):
    """The same to the client, but nothing happened."""
    fault = cluster.faults.add(Fault(matches=is_patch, drop=True))
    with pytest.raises(aiohttp.ClientError):
        await rest.merge(SCALE, {"spec": {"replicas": 4}})
    assert await replicas(rest) == 3

    cluster.faults.remove(fault)
    assert (await rest.merge(SCALE, {"spec": {"replicas": 4}}))[0] == 200


async def test_a_slow_cluster_answers_late(cluster, rest):
    """A client that does not wait long enough gives up, and its change is not made behind its back."""
    cluster.faults.add(Fault(matches=is_patch, delay=30.0))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await rest.merge(SCALE, {"spec": {"replicas": 4}})

    assert await replicas(rest) == 3


async def test_the_journal_counts_requests(cluster, rest):
    """Method, path, query and status of each answer, in order."""
    await rest.get(SCALE)
    await rest.merge(f"{SCALE}?dryRun=All", {"spec": {"replicas": -1}})

    [read, patched] = cluster.faults.journal
    assert (read.method, read.path, read.status) == ("GET", SCALE, 200)
    assert (patched.method, patched.query, patched.status) == ("PATCH", {"dryRun": "All"}, 422)
