"""Which clusters a workspace has, and the promise that one that hangs never slows another.

Every cluster is wrapped in limits of its own: how many calls may be under way at once, watches counted apart
because they are meant to wait, and a deadline that holds even when the adapter's own does not.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from controlplane.contract import errors
from controlplane.server.clusters import answers, port

CALLS = 16
WATCHES = 64
GRACE = 1.0

T = TypeVar("T")


class ClusterRegistry:
    """Clusters by workspace and name. *defaults* names a workspace's cluster when a request names none."""

    def __init__(
        self, clusters: Mapping[str, Mapping[str, port.Cluster]], *, defaults: Mapping[str, str] | None = None
    ) -> None:
        limited: dict[int, LimitedCluster] = {}
        self._clusters = {
            workspace: {name: limited.setdefault(id(one), LimitedCluster(one)) for name, one in named.items()}
            for workspace, named in clusters.items()
        }
        self._defaults = dict(defaults or {})

    def names(self, workspace_id: str) -> tuple[str, ...]:
        return tuple(sorted(self._clusters.get(workspace_id, {})))

    def resolve(self, workspace_id: str, name: str) -> tuple[str, port.Cluster]:
        """The name and the cluster meant; raises with the known names when none or several could be."""
        known = self._clusters.get(workspace_id, {})
        chosen = name or self._defaults.get(workspace_id, "") or (next(iter(known)) if len(known) == 1 else "")
        if chosen in known:
            return chosen, known[chosen]
        names = self.names(workspace_id)
        if not names:
            raise errors.NotFoundError(f"Workspace {workspace_id} has no cluster. Add one to hexa.yaml.")
        details = {"clusters": list(names)}
        if not chosen:
            raise errors.InvalidRequestError(
                f"Which cluster? Workspace {workspace_id} has {', '.join(names)}.", details=details
            )
        raise errors.NotFoundError(
            f"Workspace {workspace_id} has no cluster {chosen!r}. Known: {', '.join(names)}.", details=details
        )

    async def close(self) -> None:
        unique = {id(one): one for named in self._clusters.values() for one in named.values()}
        for cluster in unique.values():
            await cluster.close()


class LimitedCluster:
    """A cluster with a limit of concurrent calls and a deadline for each, waiting included."""

    def __init__(self, cluster: port.Cluster, *, calls: int = CALLS, watches: int = WATCHES) -> None:
        self._cluster = cluster
        self._calls = asyncio.Semaphore(calls)
        self._watches = asyncio.Semaphore(watches)

    @property
    def name(self) -> str:
        return self._cluster.name

    async def get(self, ref: port.Ref, *, timeout: float) -> dict[str, Any]:
        return await self._limited(self._cluster.get(ref, timeout=timeout), timeout)

    async def list(
        self, ref: port.Ref, *, label_selector: str = "", field_selector: str = "", limit: int = 0, timeout: float
    ) -> dict[str, Any]:
        call = self._cluster.list(
            ref, label_selector=label_selector, field_selector=field_selector, limit=limit, timeout=timeout
        )
        return await self._limited(call, timeout)

    async def patch(
        self,
        ref: port.Ref,
        body: Mapping[str, Any],
        *,
        content_type: str = port.MERGE_PATCH,
        dry_run: bool = False,
        timeout: float,
    ) -> dict[str, Any]:
        call = self._cluster.patch(ref, body, content_type=content_type, dry_run=dry_run, timeout=timeout)
        return await self._limited(call, timeout)

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
        call = self._cluster.logs(
            ref,
            container=container,
            tail_lines=tail_lines,
            limit_bytes=limit_bytes,
            previous=previous,
            timeout=timeout,
        )
        return await self._limited(call, timeout)

    async def watch(
        self, ref: port.Ref, *, resource_version: str, field_selector: str = "", timeout: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        if self._watches.locked():
            raise errors.RateLimitError(f"Too many watches of cluster {self.name} are open.", retry_after=5)
        async with self._watches:
            events = self._cluster.watch(
                ref, resource_version=resource_version, field_selector=field_selector, timeout=timeout
            )
            async with aclosing(events):
                async for event in events:
                    yield event

    async def versions(self, group: str, *, timeout: float) -> tuple[str, ...]:
        return await self._limited(self._cluster.versions(group, timeout=timeout), timeout)

    async def version(self, *, timeout: float) -> str:
        return await self._limited(self._cluster.version(timeout=timeout), timeout)

    async def close(self) -> None:
        await self._cluster.close()

    async def _limited(self, call: Coroutine[Any, Any, T], timeout: float) -> T:
        begun = False
        try:
            async with asyncio.timeout(timeout + GRACE), self._calls:
                begun = True
                return await call
        except TimeoutError as error:
            raise answers.too_slow(self.name, sent=begun) from error
        finally:
            if not begun:
                call.close()
