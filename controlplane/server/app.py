"""The control plane as an aiohttp application on a listener of its own.

Only this process side of Hexa holds credentials of clusters. Every route is made from the operation catalogue;
what an operation needs is injected, so one application serves a laptop and a deployment.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiohttp import web

from controlplane.contract.catalogue import CATALOGUE
from controlplane.server import exchange, openapi, operations, problems, requests, services
from controlplane.server.clusters.registry import ClusterRegistry
from security import authorization, ports, tokens

DEADLINE = 40.0
_SHUTDOWN = 5.0


def policies(constraints: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, authorization.OperationPolicy]:
    """A policy per operation of the catalogue: its permission, and the constraints configured for it."""
    configured = constraints or {}
    return {
        name: authorization.OperationPolicy((one.permission,), configured.get(name, {}))
        for name, one in CATALOGUE.items()
    }


def create_app(
    *,
    keys: tokens.KeyRing,
    bindings: ports.RoleBindings,
    ledger: ports.ApprovalLedger,
    effects: ports.Effects,
    audit_log: ports.AuditLog,
    clusters: ClusterRegistry,
    credential: bytes,
    issuer: str,
    audience: str,
    clock: Callable[[], datetime],
    redact: Callable[[str], str],
    constraints: Mapping[str, Mapping[str, Any]] | None = None,
    checkpoint: Callable[[str], None] = services.passed,
    deadline: float = DEADLINE,
) -> web.Application:
    """The application; *constraints* are those of hexa.yaml by operation, and a wrong one refuses to start."""
    if not credential:
        raise ValueError("the bot credential must not be empty")
    app = web.Application(middlewares=[problems.edge(deadline)], client_max_size=requests.MOST_BYTES)
    app[services.SERVICES] = services.Services(
        tokens=tokens.Tokens(keys, issuer, audience, clock),
        security=authorization.AIOpsSecurityManager(
            policies(constraints), bindings=bindings, audit_log=audit_log, clock=clock
        ),
        bindings=bindings,
        ledger=ledger,
        effects=effects,
        audit=audit_log,
        clusters=clusters,
        credential=credential,
        redact=redact,
        clock=clock,
        checkpoint=checkpoint,
    )
    _add_routes(app)
    return app


def _add_routes(app: web.Application) -> None:
    for one in CATALOGUE.values():
        route = operations.changing(one) if one.mutating else operations.reading(one)
        app.router.add_route(one.method, one.path, route)
    app.router.add_post("/internal/v1/operations/{name}", operations.unknown)
    app.router.add_post("/internal/v1/tokens", exchange.exchange)
    app.router.add_get("/internal/v1/openapi.json", _openapi)
    app.router.add_get("/.well-known/jwks.json", _jwks)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(openapi.document())


async def _jwks(request: web.Request) -> web.Response:
    ring = request.app[services.SERVICES].tokens.keys
    return web.json_response(ring.jwks(), headers={"Cache-Control": "max-age=60"})


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _readyz(request: web.Request) -> web.Response:
    """Ready means that the store answers: without it no operation could be authorised or recorded."""
    await request.app[services.SERVICES].audit.workspaces()
    return web.json_response({"status": "ready"})


@asynccontextmanager
async def listening(app: web.Application, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve the application while inside; yields its base URL. Port 0 lets the system choose."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        chosen = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{chosen}"
    finally:
        await runner.cleanup()
