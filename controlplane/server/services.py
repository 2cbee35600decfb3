"""Everything the routes need, put together once and handed to each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakValueDictionary

from aiohttp import web

from controlplane.server.clusters.registry import ClusterRegistry
from security import ports
from security.authorization import AIOpsSecurityManager
from security.tokens import Tokens


def passed(_point: str) -> None:
    """Nobody watches the checkpoints, except a test that kills the process at one."""


class OnePerKey:
    """Locks by key that are forgotten when nobody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield


@dataclass(frozen=True, slots=True)
class Services:
    """*credential* is what the bot shows to exchange tokens; *redact* is applied to text that comes from clusters."""

    tokens: Tokens
    security: AIOpsSecurityManager
    bindings: ports.RoleBindings
    ledger: ports.ApprovalLedger
    effects: ports.Effects
    audit: ports.AuditLog
    clusters: ClusterRegistry
    credential: bytes = field(repr=False)
    redact: Callable[[str], str]
    clock: Callable[[], datetime]
    checkpoint: Callable[[str], None] = passed
    one_per_key: OnePerKey = field(default_factory=OnePerKey)


SERVICES = web.AppKey("services", Services)
