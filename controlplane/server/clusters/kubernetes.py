"""The Cluster port over `kubernetes_asyncio`, the only place that knows how the library speaks.

Raw bodies are read and the status is checked here, since the library does neither without its typed models. Each
cluster has its own connection pool. A credential that is refused is loaded once more, because the token of a file
may have been replaced; a refused credential means nothing was done, so sending again is safe.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp

from controlplane.server.clusters import answers, kubeconfig, port

CONNECT_TIMEOUT = 5.0
FIELD_MANAGER = "hexa"
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class KubernetesCluster:
    """One API server, connected on first use."""

    def __init__(self, name: str, source: kubeconfig.Kubeconfig | kubeconfig.InCluster) -> None:
        self.name = name
        self._source = source
        self._client: Any = None
        self._connecting = asyncio.Lock()

    async def get(self, ref: port.Ref, *, timeout: float) -> dict[str, Any]:
        return await self._json("GET", ref.path, timeout=timeout)

    async def list(
        self, ref: port.Ref, *, label_selector: str = "", field_selector: str = "", limit: int = 0, timeout: float
    ) -> dict[str, Any]:
        query = {"labelSelector": label_selector, "fieldSelector": field_selector, "limit": str(limit) if limit else ""}
        return await self._json("GET", ref.path, query=query, timeout=timeout)

    async def patch(
        self,
        ref: port.Ref,
        body: Mapping[str, Any],
        *,
        content_type: str = port.MERGE_PATCH,
        dry_run: bool = False,
        timeout: float,
    ) -> dict[str, Any]:
        query = {"fieldManager": FIELD_MANAGER, "dryRun": "All" if dry_run else ""}
        return await self._json(
            "PATCH", ref.path, query=query, body=dict(body), content_type=content_type, timeout=timeout
        )

    async def logs(
        self,
        ref: port.Ref,
        *,
        container: str = "",
        tail_lines: int,
        limit_bytes: int,
        previous: bool = False,
        timeout: float,
    ) -> bytes:
        query = {
            "container": container,
            "tailLines": str(tail_lines),
            "limitBytes": str(limit_bytes),
            "previous": "true" if previous else "",
        }
        path = ref.named(ref.name, "log").path
        return await self._read("GET", path, query=query, timeout=timeout)

    async def watch(
        self, ref: port.Ref, *, resource_version: str, field_selector: str = "", timeout: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "fieldSelector": field_selector,
            "timeoutSeconds": str(max(1, round(timeout))),
        }
        async with self._answer("GET", ref.path, query=query, timeout=timeout + CONNECT_TIMEOUT) as response:
            async for line in _lines(response.content):
                event = self._parsed(line)
                if event.get("type") == "ERROR":
                    status = event.get("object") or {}
                    raise answers.error_of(
                        int(status.get("code") or 500), json.dumps(status).encode(), cluster=self.name
                    )
                yield event

    async def versions(self, group: str, *, timeout: float) -> tuple[str, ...]:
        groups = await self._json("GET", "/apis", timeout=timeout)
        for one in groups.get("groups") or []:
            if one.get("name") == group:
                preferred = (one.get("preferredVersion") or {}).get("groupVersion")
                served = [version["groupVersion"] for version in one.get("versions") or []]
                return tuple(sorted(served, key=lambda version: version != preferred))
        return ()

    async def version(self, *, timeout: float) -> str:
        return str((await self._json("GET", "/version", timeout=timeout)).get("gitVersion", ""))

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return self._parsed(await self._read(method, path, **options))

    def _parsed(self, body: bytes) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise answers.unreachable(self.name, sent=True) from error
        if not isinstance(value, dict):
            raise answers.unreachable(self.name, sent=True)
        return value

    async def _read(self, method: str, path: str, **options: Any) -> bytes:
        async with self._answer(method, path, **options) as response:
            body: bytes = await response.read()
            return body

    @asynccontextmanager
    async def _answer(self, method: str, path: str, *, timeout: float, **options: Any) -> AsyncIterator[Any]:
        """The answer to a request, its status checked; transport errors inside the block are translated."""
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(CONNECT_TIMEOUT, timeout))
        try:
            response = await self._send(method, path, limits, **options)
            if response.status == HTTPStatus.UNAUTHORIZED:
                response.release()
                await self.close()
                response = await self._send(method, path, limits, **options)
            async with response:
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise answers.error_of(
                        response.status,
                        await response.read(),
                        cluster=self.name,
                        retry_after=response.headers.get("Retry-After", ""),
                    )
                yield response
        except _NOT_SENT as error:
            slow = isinstance(error, TimeoutError)
            raise (answers.too_slow if slow else answers.unreachable)(self.name, sent=False) from error
        except TimeoutError as error:
            raise answers.too_slow(self.name, sent=True) from error
        except aiohttp.ClientError as error:
            raise answers.unreachable(self.name, sent=True) from error

    async def _send(
        self,
        method: str,
        path: str,
        limits: aiohttp.ClientTimeout,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        client = await self._connected()
        return await client.call_api(
            path,
            method,
            query_params=[(key, value) for key, value in (query or {}).items() if value],
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=limits,
        )

    async def _connected(self) -> Any:
        if self._client is None:
            async with self._connecting:
                if self._client is None:
                    self._client = await kubeconfig.connect(self._source, cluster=self.name)
        return self._client


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: one object may be larger than the reader's buffer."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
