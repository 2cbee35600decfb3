"""The cluster outlives its process: a child is killed with -9 right after an acknowledged write."""

import asyncio
import contextlib
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from demo import DemoCluster, FolderInUseError, PortTakenError, resources
from tests.integration.demo.conftest import DEPLOYMENTS, Rest, rolled_out

ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from pathlib import Path
from demo import DemoCluster

async def main():
    cluster = DemoCluster(Path(sys.argv[1]), speed=10.0)
    await cluster.start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def child(folder):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path):
    """Same address, same certificates and token, same objects; and the rollout goes on."""
    folder = tmp_path / "demo"
    first = DemoCluster(folder, speed=10.0)
    await first.start()
    kubeconfig = first.kubeconfig
    await first.stop()

    async with child(folder) as process:
        rest = Rest(first)
        status, scale = await rest.merge(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 5}})
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await rest.session.close()
    assert status == 200

    second = DemoCluster(folder, speed=10.0)
    await second.start()
    rest = Rest(second)
    try:
        web = await rest.get(f"{DEPLOYMENTS}/web")
        assert second.kubeconfig == kubeconfig
        assert web["metadata"]["uid"] == scale["metadata"]["uid"]
        assert web["metadata"]["creationTimestamp"] == scale["metadata"]["creationTimestamp"]
        assert int(web["metadata"]["resourceVersion"]) >= int(scale["metadata"]["resourceVersion"])
        assert web["metadata"]["generation"] == 3
        assert (await rest.until(f"{DEPLOYMENTS}/web", rolled_out))["status"]["readyReplicas"] == 5
    finally:
        await rest.session.close()
        await second.stop()


async def test_of_a_stream_of_writes_none_that_was_answered_is_missing(tmp_path):
    """Killed in the middle of it: at most the one write under way is in question."""
    folder, acknowledged = tmp_path / "demo", 0
    cluster = DemoCluster(folder, speed=10.0)
    await cluster.start()
    await cluster.stop()

    async with child(folder) as process:
        rest = Rest(cluster)
        with contextlib.suppress(aiohttp.ClientError):
            while True:
                number = acknowledged + 1
                status, _ = await rest.merge(f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"count": str(number)}}})
                assert status == 200
                acknowledged = number
                if acknowledged == 50:
                    asyncio.get_running_loop().call_later(0.02, process.send_signal, signal.SIGKILL)
        await rest.session.close()

    await cluster.start()
    kept = cluster.store.get(resources.DEPLOYMENTS, "shop", "web")
    await cluster.stop()
    assert acknowledged >= 50
    assert int(kept["metadata"]["labels"]["count"]) in (acknowledged, acknowledged + 1)


async def test_stopping_and_starting_the_same_object_works(cluster):
    """How tests take the cluster down and bring it back."""
    url = cluster.url
    await cluster.stop()
    await cluster.start()

    rest = Rest(cluster)
    assert cluster.url == url
    assert (await rest.get("/api/v1/namespaces"))["items"]
    await rest.session.close()


async def test_a_taken_port_is_an_error_with_a_next_step(tmp_path):
    """It does not move in silence: kubeconfigs out there name the old port."""
    cluster = DemoCluster(tmp_path / "demo")
    await cluster.start()
    port = int(cluster.url.rpartition(":")[2])
    await cluster.stop()

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with pytest.raises(PortTakenError, match=f"Port {port}.*is in use. Stop the program"):
            await cluster.start()

    await cluster.start()
    await cluster.stop()


async def test_two_clusters_do_not_share_a_folder(cluster, tmp_path):
    """The second one says so and leaves the first alone."""
    with pytest.raises(FolderInUseError):
        await DemoCluster(tmp_path / "demo-cluster").start()

    assert cluster.store.version > 1


async def test_the_kubeconfig_is_for_its_owner_only(cluster, tmp_path):
    """It holds a token; so do the key and the database."""
    path = tmp_path / "there" / "demo.kubeconfig"
    cluster.write_kubeconfig(path)
    cluster.write_kubeconfig(path)

    private = [path, *(tmp_path / "demo-cluster").glob("server.*"), tmp_path / "demo-cluster" / "cluster.db"]
    assert [file.stat().st_mode & 0o777 for file in private] == [0o600] * 4
    assert yaml.safe_load(path.read_text()) == cluster.kubeconfig


async def test_stopping_ends_open_watches_at_once(cluster, rest):
    """A watcher must not hold up the end of the process; its stream closes cleanly."""
    stream = rest.watch("/api/v1/namespaces", sendInitialEvents="true")
    while (await anext(stream))["type"] != "BOOKMARK":
        pass

    async with asyncio.timeout(0.9):
        await cluster.stop()

    assert [event async for event in stream] == []
