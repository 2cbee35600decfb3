"""The composition root: every part of Hexa, wired once, as an async context manager.

Nothing here decides anything. *core* is what every surface needs: stores, control plane, agents, workflows, driving.
Surfaces (Slack, the HTTP API, the command line) are put around it by hexa.serving and hexa.cli.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from agents.chat.conversation import Conversation
from controlplane.client.http import HttpControlPlane
from controlplane.client.secure import SecureHKSClient
from hexa import assembling
from hexa import keys as keyring
from hexa.configuration import Configuration
from hexa.settings import Settings
from observability.activity import ActivityRecorder
from observability.health import Checks
from observability.metrics import Metrics
from security import audit, redaction
from storage.dispatch.inprocess import InProcessDispatcher
from storage.engine import Database
from storage.stores import Stores, open_stores
from workflows import approvals, engine

ISSUER = "hexa"
AUDIENCE = "hexa-controlplane"
ANCHORS = "audit-anchors.jsonl"
SIGNING_KEYS = "signing-keys.json"


class ListenError(Exception):
    """An address cannot be listened on."""

    @classmethod
    def at(cls, host: str, port: int, variable: str, error: OSError) -> Self:
        cause = os.strerror(error.errno) if error.errno else str(error)
        return cls(
            f"Port {port} on {host} cannot be used: {cause}. Stop what uses it, or set {variable} to another one."
        )


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Core:
    """Everything the surfaces share."""

    settings: Settings
    configuration: Configuration
    keys: keyring.Keys = field(repr=False)
    database: Database
    stores: Stores
    parts: assembling.Parts
    metrics: Metrics
    checks: Checks
    clock: Callable[[], datetime]
    controlplane_url: str

    @property
    def conversation(self) -> Conversation:
        return self.parts.conversation

    @property
    def decisions(self) -> approvals.Decisions:
        return self.parts.decisions

    @property
    def dispatcher(self) -> InProcessDispatcher:
        return self.parts.dispatcher

    def messages_changed(self) -> Callable[[float], Awaitable[object]]:
        """A waiter for rows of messages, or runs that cards show, to change."""
        return _Waiter(self.stores.changed.version, self.stores.changed.wait, ("messages", "runs"))


class _Waiter:
    """Waits for any of several topics; a change between two waits is not missed."""

    def __init__(self, version: Callable[[str], int], wait: Callable[..., Any], topics: Sequence[str]) -> None:
        self._version = version
        self._wait = wait
        self._seen = {topic: version(topic) for topic in topics}

    async def __call__(self, timeout: float) -> None:
        waits = [asyncio.ensure_future(self._wait(topic, seen, timeout)) for topic, seen in self._seen.items()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            self._seen = {topic: self._version(topic) for topic in self._seen}


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the parts are made of, while they are made."""

    settings: Settings
    configuration: Configuration
    keys: keyring.Keys
    stores: Stores
    clock: Callable[[], datetime]
    checkpoint: Callable[[str], None]


@asynccontextmanager
async def core(
    settings: Settings,
    configuration: Configuration,
    *,
    own_listener: bool = True,
    checkpoint: Callable[[str], None] = engine.no_checkpoint,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Core]:
    """Open everything, in order; close it in the reverse order whatever happens.

    *own_listener* False serves the control plane on a port the system chooses, for a command beside which a server
    may be started. The dispatcher is not started: the caller does that once its surfaces are there.
    """
    redaction.prepare()
    async with AsyncExitStack() as stack:
        keys = await asyncio.to_thread(keyring.load, settings)
        database = await Database.open(database_location(settings))
        stack.push_async_callback(database.close)
        stores = await open_stores(
            database,
            audit_key=keys.audit,
            roles=configuration.roles(),
            clock=clock,
            anchors=settings.data_dir / ANCHORS,
        )
        await stores.bindings.replace_configured(configuration.people(), configuration.bindings())
        opened = _Opened(settings, configuration, keys, stores, clock, checkpoint)
        url = settings.controlplane_url or await _serve_control_plane(stack, opened, own_listener=own_listener)
        client = HttpControlPlane(SecureHKSClient(url), credential=keys.controlplane)
        stack.push_async_callback(client.close)
        metrics, checks = Metrics(), Checks()
        checks.add("database", _database_answers(database, stores))
        parts = assembling.assemble(_given(opened, client, metrics))
        stack.push_async_callback(parts.dispatcher.stop)
        yield Core(settings, configuration, keys, database, stores, parts, metrics, checks, clock, url)


def database_location(settings: Settings) -> str | Path:
    given = settings.database_url.get_secret_value() if settings.database_url else ""
    return given or settings.data_dir / "hexa.db"


def _given(opened: _Opened, client: HttpControlPlane, metrics: Metrics) -> assembling.Given:
    recorder = ActivityRecorder(
        metrics=metrics, audit=_Appending(opened.stores, opened.clock), redact=redaction.redact_plain
    )
    return assembling.Given(opened.configuration, opened.stores, client, recorder, opened.clock, opened.checkpoint)


async def _serve_control_plane(stack: AsyncExitStack, opened: _Opened, *, own_listener: bool) -> str:
    """The built-in control plane on its own listener; returns its URL."""
    from controlplane.server import app as server
    from controlplane.server.clusters.registry import ClusterRegistry
    from security.tokens import KeyRing

    settings, stores, clock = opened.settings, opened.stores, opened.clock
    ring = await asyncio.to_thread(KeyRing.load_or_generate, settings.data_dir / SIGNING_KEYS, clock=clock)
    registry = ClusterRegistry(_clusters(opened.configuration), defaults=_defaults(opened.configuration))
    stack.push_async_callback(registry.close)
    application = server.create_app(
        keys=ring,
        bindings=stores.bindings,
        ledger=stores.ledger,
        effects=stores.effects,
        audit_log=stores.audit,
        clusters=registry,
        credential=opened.keys.controlplane.encode(),
        issuer=ISSUER,
        audience=AUDIENCE,
        clock=clock,
        redact=redaction.redact,
        checkpoint=opened.checkpoint,
    )
    host, port = settings.controlplane_address
    listening = server.listening(application, host=host, port=port if own_listener else 0)
    try:
        return await stack.enter_async_context(listening)
    except OSError as error:
        raise ListenError.at(host, port, "HEXA_CONTROLPLANE_LISTEN", error) from error


def _clusters(configuration: Configuration) -> Mapping[str, Mapping[str, Any]]:
    """Adapters by workspace and name; a cluster two workspaces share is one adapter with one pool."""
    from controlplane.server.clusters.kubeconfig import InCluster, Kubeconfig
    from controlplane.server.clusters.kubernetes import KubernetesCluster

    adapters: dict[str, KubernetesCluster] = {}
    for one in configuration.clusters:
        path = configuration.kubeconfig_of(one)
        adapters[one.name] = KubernetesCluster(one.name, Kubeconfig(path, one.context) if path else InCluster())
    return {
        workspace.id: {name: adapters[name] for name in configuration.clusters_of(workspace.id)}
        for workspace in configuration.workspaces
    }


def _defaults(configuration: Configuration) -> dict[str, str]:
    return {one.id: configuration.clusters_of(one.id)[0] for one in configuration.workspaces}


class _Appending:
    """Activity as audit events."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._clock = clock

    async def __call__(self, **fields: Any) -> None:
        await self._stores.audit.append(audit.Event(at=self._clock(), **fields))


def _database_answers(database: Database, stores: Stores) -> Callable[[], Awaitable[str | None]]:
    """Reading works on a full disk, so what became of the latest writes counts as well."""

    async def check() -> str | None:
        await stores.audit.workspaces()
        return database.trouble() or None

    return check
