"""The composition root: every part of Hexa, wired once, as an async context manager.

Nothing here decides anything. *core* is what every surface needs: stores, control plane, agents, workflows, driving.
Surfaces (Slack, the HTTP API, the command line) are put around it by hexa.serving and hexa.cli.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.dispatch.inprocess import InProcessDispatcher

from agents import replies
from agents.agent import BaseAgent
from agents.chat.agent import UserChatAgent
from agents.chat.conversation import Conversation
from agents.kubernetes import KubernetesAgent
from agents.monitoring import MonitoringAgent
from agents.orchestrator import OrchestrationAgent
from agents.ports import Session
from agents.validation import ValidationAgent
from controlplane.client.http import HttpControlPlane
from controlplane.client.secure import SecureHKSClient
from hexa import keys as keyring
from hexa.configuration import Configuration
from hexa.settings import Settings
from observability import logging, tracing
from observability.activity import ActivityRecorder
from observability.health import Checks
from observability.metrics import Metrics
from security import audit, redaction
from security.subjects import SecurityContext
from storage.engine import Database
from storage.stores import Stores, open_stores
from workflows import approvals, engine, executing, planner, ports, runs, starting, template
from workflows.estate import Workspace

ISSUER = "hexa"
AUDIENCE = "hexa-controlplane"
ANCHORS = "audit-anchors.jsonl"
SIGNING_KEYS = "signing-keys.json"

log = logging.logger("aiops.hexa")


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return uuid.uuid4().hex


class Places:
    """Placing for all surfaces together; each adds its own when it is there."""

    def __init__(self) -> None:
        self.surfaces: list[ports.Placing] = []

    def cards(self, run: runs.Run, session: Session) -> Sequence[ports.Message]:
        return [one for surface in self.surfaces for one in surface.cards(run, session)]

    def outcome(self, run: runs.Run, session: Session, reply: replies.Reply) -> Sequence[ports.Message]:
        return [one for surface in self.surfaces for one in surface.outcome(run, session, reply)]


class Turns:
    """The drive of inbox lanes; a lane's name begins with its surface."""

    def __init__(self) -> None:
        self.surfaces: dict[str, ports.Drive] = {}

    async def __call__(self, lane: str) -> None:
        drive = self.surfaces.get(lane.partition(":")[0])
        if drive is None:
            log.warning("nobody serves this lane now; its items stay until somebody does", lane=lane)
            return
        await drive(lane)


@dataclass(frozen=True, slots=True)
class Core:
    """Everything the surfaces share. *places* and *turns* are where they add themselves before start."""

    settings: Settings
    configuration: Configuration
    keys: keyring.Keys = field(repr=False)
    database: Database
    stores: Stores
    conversation: Conversation
    decisions: approvals.Decisions
    dispatcher: InProcessDispatcher
    places: Places
    turns: Turns
    metrics: Metrics
    checks: Checks
    clock: Callable[[], datetime]
    controlplane_url: str

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
        metrics = Metrics()
        url = settings.controlplane_url or await _serve_control_plane(
            stack, settings, configuration, keys=keys, stores=stores, clock=clock, checkpoint=checkpoint,
            own_listener=own_listener,
        )  # fmt: skip
        client = HttpControlPlane(SecureHKSClient(url), credential=keys.controlplane)
        stack.push_async_callback(client.close)
        recorder = ActivityRecorder(metrics=metrics, audit=_Appending(stores, clock), redact=redaction.redact_plain)
        made = _assemble(
            configuration, stores=stores, client=client, recorder=recorder, clock=clock, checkpoint=checkpoint
        )
        checks = Checks()
        checks.add("database", _database_answers(stores))
        yield Core(
            settings=settings,
            configuration=configuration,
            keys=keys,
            database=database,
            stores=stores,
            metrics=metrics,
            checks=checks,
            clock=clock,
            controlplane_url=url,
            **made,
        )
        await made["dispatcher"].stop()


def database_location(settings: Settings) -> str | Path:
    given = settings.database_url.get_secret_value() if settings.database_url else ""
    return given or settings.data_dir / "hexa.db"


async def _serve_control_plane(
    stack: AsyncExitStack,
    settings: Settings,
    configuration: Configuration,
    *,
    keys: keyring.Keys,
    stores: Stores,
    clock: Callable[[], datetime],
    checkpoint: Callable[[str], None],
    own_listener: bool,
) -> str:
    """The built-in control plane on its own listener; returns its URL."""
    from controlplane.server import app as server
    from controlplane.server.clusters.registry import ClusterRegistry
    from security.tokens import KeyRing

    ring = await asyncio.to_thread(KeyRing.load_or_generate, settings.data_dir / SIGNING_KEYS, clock=clock)
    registry = ClusterRegistry(_clusters(configuration), defaults=_defaults(configuration))
    stack.push_async_callback(registry.close)
    application = server.create_app(
        keys=ring,
        bindings=stores.bindings,
        ledger=stores.ledger,
        effects=stores.effects,
        audit_log=stores.audit,
        clusters=registry,
        credential=keys.controlplane.encode(),
        issuer=ISSUER,
        audience=AUDIENCE,
        clock=clock,
        redact=redaction.redact,
        checkpoint=checkpoint,
    )
    host, port = settings.controlplane_address
    return await stack.enter_async_context(server.listening(application, host=host, port=port if own_listener else 0))


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


def _assemble(
    configuration: Configuration,
    *,
    stores: Stores,
    client: HttpControlPlane,
    recorder: ActivityRecorder,
    clock: Callable[[], datetime],
    checkpoint: Callable[[str], None],
) -> dict[str, Any]:
    """Agents, planner, workflows, decisions, engine, conversation and the dispatcher that drives them."""
    workers = _workers(client, recorder)
    policy = configuration.policy_set()
    plans = planner.Planner(
        templates=template.load([template.SHIPPED], actions={name: one.actions() for name, one in workers.items()}),
        agents=workers,
        operations=client,
        policy=policy,
        estate={one.id: Workspace(one.id, configuration.clusters_of(one.id)) for one in configuration.workspaces},
    )
    places, turns = Places(), Turns()
    late = _Late()
    shared: dict[str, Any] = {
        "sessions": stores.sessions,
        "bindings": stores.bindings,
        "placing": places,
        "clock": clock,
    }
    dispatcher = InProcessDispatcher(
        turn=turns,
        advance=late.advance,
        expire=late.expire,
        inbox=stores.inbox,
        runs=stores.runs,
        approvals=stores.approvals,
        changed=stores.changed,
        clock=clock,
    )
    flows = starting.Workflows(
        planner=plans,
        store=stores.runs,
        audit_log=stores.audit,
        dispatcher=dispatcher,
        trace=tracing.inject,
        **shared,
    )
    decisions = approvals.Decisions(
        store=stores.runs,
        approvals=stores.approvals,
        audit_log=stores.audit,
        planner=plans,
        dispatcher=dispatcher,
        **shared,
    )
    machine = engine.Engine(
        store=stores.runs,
        tokens=client,
        planner=plans,
        decisions=decisions,
        workflows=flows,
        steps=executing.StepRunner(agents=workers, tokens=client, clock=clock),
        checkpoint=checkpoint,
        watched=_watching(recorder),
        **shared,
    )
    late.engine, late.decisions = machine, decisions
    chat = UserChatAgent(
        kubernetes=workers["KubernetesAgent"],
        orchestrator=OrchestrationAgent(flows, recorder=recorder),
        recorder=recorder,
    )
    conversation = Conversation(
        sessions=stores.sessions, tokens=client, agent=chat, clock=clock, redact=redaction.redact
    )
    return {
        "conversation": conversation,
        "decisions": decisions,
        "dispatcher": dispatcher,
        "places": places,
        "turns": turns,
    }


def _workers(client: HttpControlPlane, recorder: ActivityRecorder) -> dict[str, BaseAgent]:
    made: Sequence[BaseAgent] = (
        KubernetesAgent(client, recorder=recorder),
        ValidationAgent(client, recorder=recorder),
        MonitoringAgent(client, recorder=recorder),
    )
    return {one.name: one for one in made}


class _Late:
    """The dispatcher drives the engine and the engine is driven by it: one of them has to come later."""

    engine: engine.Engine
    decisions: approvals.Decisions

    async def advance(self, run_id: str) -> None:
        with logging.context(run_id=run_id):
            await self.engine.advance(run_id)

    async def expire(self, approval: runs.Approval) -> None:
        await self.decisions.expire(approval)


def _watching(recorder: ActivityRecorder) -> Callable[[runs.Run], AbstractContextManager[Any]]:
    def watched(run: runs.Run) -> AbstractContextManager[Any]:
        context = SecurityContext(
            user_id=run.plan.requester_id,
            workspace_id=run.plan.workspace_id,
            jwt_token="",
            permissions=(),
            session_id=run.session_id,
            request_id=run.request_id,
        )
        return recorder.trace_workflow_execution(run.plan.workflow, context, link=run.trace_context)

    return watched


class _Appending:
    """Activity as audit events."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._clock = clock

    async def __call__(self, **fields: Any) -> None:
        await self._stores.audit.append(audit.Event(at=self._clock(), **fields))


def _database_answers(stores: Stores) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        await stores.audit.workspaces()
        return None

    return check
