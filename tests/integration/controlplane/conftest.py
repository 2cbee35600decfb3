"""A control plane on a loopback port with a fake cluster behind it and the real client in front of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from aiohttp import web

from controlplane.client.http import HttpControlPlane
from controlplane.client.secure import SecureHKSClient
from controlplane.contract import canonical, models
from controlplane.contract.operations import Caller
from controlplane.server.app import create_app, listening
from controlplane.server.clusters.registry import ClusterRegistry
from security import ports, tokens
from tests.conftest import FixedClock
from tests.fakes.cluster import InMemoryCluster
from tests.fakes.in_memory_effects import InMemoryEffects
from tests.integration.controlplane.stores import Audit, Bindings, Ledger

CREDENTIAL = "the-credential-of-the-bot"
ISSUER, AUDIENCE = "https://hexa.test", "hexa-controlplane"
READ = ("pods.get:shop", "pods.logs:shop", "events.get:shop", "deployments.get:shop")
SCALE = {"workspace_id": "w1", "namespace": "shop", "deployment_name": "web", "replicas": 6}


@dataclass
class World:
    clock: FixedClock
    cluster: InMemoryCluster
    audit: Audit = field(default_factory=Audit)
    bindings: Bindings = field(
        default_factory=lambda: Bindings(alice=(*READ, "deployments.scale:shop"), carol=READ, dave=("*:*",))
    )
    ledger: Ledger = field(default_factory=Ledger)
    effects: InMemoryEffects = field(default_factory=InMemoryEffects)
    checkpoint: Callable[[str], None] = lambda point: None
    constraints: dict[str, dict[str, Any]] = field(default_factory=dict)
    deadline: float = 20.0
    redact: Callable[[str], str] = lambda text: text.replace("hunter2", "[redacted]")
    keys: tokens.KeyRing = field(init=False)
    url: str = ""
    client: HttpControlPlane = field(init=False)

    def __post_init__(self) -> None:
        self.keys = tokens.KeyRing.generate(clock=self.clock)

    @property
    def tokens(self) -> tokens.Tokens:
        return tokens.Tokens(self.keys, ISSUER, AUDIENCE, self.clock)

    def app(self) -> web.Application:
        return create_app(
            keys=self.keys,
            bindings=self.bindings,
            ledger=self.ledger,
            effects=self.effects,
            audit_log=self.audit,
            clusters=ClusterRegistry({"w1": {"main": self.cluster}}),
            credential=CREDENTIAL.encode(),
            issuer=ISSUER,
            audience=AUDIENCE,
            clock=self.clock,
            redact=self.redact,
            constraints=self.constraints,
            checkpoint=self._reach,
            deadline=self.deadline,
        )

    def _reach(self, point: str) -> None:
        self.checkpoint(point)  # looked up late: tests arm it while the server runs

    def caller(self, person: str = "alice", **claims: Any) -> Caller:
        token = self.tokens.mint(subject=person, workspace=claims.pop("workspace", "w1"), session="s1", **claims)
        return Caller(token, "req-1")

    async def approved(self, run: str = "run1", person: str = "alice", **parameters: Any) -> models.Preview:
        """Plan a scale and have it approved: the ledger holds its digest, consumed."""
        preview = await self.client.preview("scale_deployment", {**SCALE, **parameters}, self.caller(person))
        digest = self.digest(preview, person)
        held = self.ledger.grants.get(run)
        earlier = held.digests if held else ()
        self.ledger.grants[run] = ports.Grant(
            run_id=run,
            workspace_id="w1",
            requester_id=person,
            session_id="s1",
            digests=(*earlier, digest),
            policy_version="p1",
            kind="approval",
            consumed_at=self.clock(),
        )
        return preview

    @staticmethod
    def digest(preview: models.Preview, person: str = "alice") -> str:
        return canonical.operation_digest_of(preview, workspace_id="w1", requester=person, policy_version="p1")

    async def execute(
        self, preview: models.Preview, run: str = "run1", step: str = "scale", person: str = "alice", **parameters: Any
    ) -> models.Outcome:
        caller = self.caller(person, run=run, step=step, digest=self.digest(preview, person))
        return await self.client.execute(
            "scale_deployment", {**SCALE, **parameters}, caller, idempotency_key=f"{run}:{step}"
        )

    def raw(self) -> httpx2.AsyncClient:
        headers = {"X-Internal-API": "true", "X-API-Version": "v1"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, trust_env=False)

    async def serve(self, stack: AsyncExitStack) -> None:
        self.url = await stack.enter_async_context(listening(self.app(), host="127.0.0.1", port=0))
        self.client = HttpControlPlane(SecureHKSClient(self.url), credential=CREDENTIAL)
        stack.push_async_callback(self.client.close)


@pytest.fixture
def unserved(clock: FixedClock) -> World:
    """A world whose server has not started, so that it can still be configured."""
    cluster = InMemoryCluster()
    for name in ("shop", "shipping", "staging"):
        cluster.add_namespace(name)
    cluster.add_deployment("shop", "web", 3)
    cluster.add_deployment("shop", "checkout", 2)
    return World(clock, cluster)


@pytest.fixture
async def world(unserved: World) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        await unserved.serve(stack)
        yield unserved
