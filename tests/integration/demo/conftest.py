"""A running demo cluster per test, ten times as fast as life, and a plain client for it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from demo import DemoCluster

PATIENCE = 10.0
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"


class Rest:
    """One HTTPS session; each call gives (status, decoded body)."""

    def __init__(self, cluster: DemoCluster) -> None:
        self._cluster = cluster
        tls = ssl.create_default_context(cadata=cluster._fact("authority"))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        self.session = aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=tls))

    async def __call__(self, method: str, path: str, body: Any = None, kind: str = "", **headers: str) -> Any:
        if body is not None:
            headers["Content-Type"] = kind or "application/json"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url, patience = self._cluster.url + path, aiohttp.ClientTimeout(PATIENCE)
        async with self.session.request(method, url, data=data, headers=headers, timeout=patience) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json else text

    async def get(self, path: str) -> Any:
        status, body = await self("GET", path)
        assert status == 200, body
        return body

    async def merge(self, path: str, patch: Any) -> Any:
        return await self("PATCH", path, patch, "application/merge-patch+json")

    async def watch(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        params = {"watch": "true", **query}
        async with self.session.get(
            self._cluster.url + path, params=params, timeout=aiohttp.ClientTimeout(30)
        ) as answer:
            assert answer.status == 200
            async for line in answer.content:
                yield json.loads(line)

    async def until(self, path: str, done: Callable[[Any], bool]) -> Any:
        """Watch one object until it is as wished; its last state."""
        collection, _, name = path.rpartition("/")
        async with asyncio.timeout(PATIENCE):
            async for event in self.watch(collection, fieldSelector=f"metadata.name={name}"):
                if event["type"] != "BOOKMARK" and done(event["object"]):
                    return event["object"]
        raise AssertionError("the watch ended early")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[DemoCluster]:
    running = DemoCluster(tmp_path / "demo-cluster", speed=10.0)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def rest(cluster: DemoCluster) -> AsyncIterator[Rest]:
    client = Rest(cluster)
    yield client
    await client.session.close()


def rolled_out(deployment: dict[str, Any]) -> bool:
    """What kubectl rollout status waits for."""
    wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
    observed = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = ("replicas", "updatedReplicas", "availableReplicas")
    return observed and all(status.get(count, 0) == wanted for count in counts)
