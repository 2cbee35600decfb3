"""One pipeline for every operation of the catalogue: token, workspace, parameters, authorisation, cluster, answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from controlplane.contract import canonical, errors, models
from controlplane.contract.catalogue import Operation, find
from controlplane.server import problems, requests
from controlplane.server.changing.earlier import Attempts
from controlplane.server.changing.execution import Execution
from controlplane.server.changing.mutation import Mutation
from controlplane.server.changing.record import Record
from controlplane.server.changing.scaling import ScaleDeployment
from controlplane.server.look import Look
from controlplane.server.reading.deployments import get_deployment_status, list_deployments, watch_deployment
from controlplane.server.reading.events import get_events
from controlplane.server.reading.logs import get_logs
from controlplane.server.reading.pods import get_pods
from controlplane.server.services import SERVICES, Services
from security import authorization, tokens

Reader = Callable[[Any, Look], Awaitable[dict[str, Any]]]
Route = Callable[[web.Request], Awaitable[web.Response]]

READERS: Mapping[str, Reader] = {
    "get_pods": get_pods,
    "get_logs": get_logs,
    "get_events": get_events,
    "list_deployments": list_deployments,
    "get_deployment_status": get_deployment_status,
    "watch_deployment": watch_deployment,
}
MUTATIONS: Mapping[str, Mutation] = {"scale_deployment": ScaleDeployment()}
_LONGEST_KEY = 200


def reading(operation: Operation) -> Route:
    reader = READERS[operation.name]

    async def route(request: web.Request) -> web.Response:
        services = request.app[SERVICES]
        claims = requests.claims_of(request, services)
        parameters = canonical.parse(operation.name, requests.query_of(request))
        facts = _facts(request, claims, parameters)
        async with _admitted(services, operation, claims, parameters, facts) as look:
            return web.json_response(await reader(parameters, look))

    return route


def changing(operation: Operation) -> Route:
    mutation = MUTATIONS[operation.name]

    async def route(request: web.Request) -> web.Response:
        services = request.app[SERVICES]
        claims = requests.claims_of(request, services)
        body = await requests.body_of(request)
        dry_run = body.pop("dry_run", False)
        if type(dry_run) is not bool:
            raise errors.InvalidRequestError("dry_run must be true or false.")
        parameters = canonical.parse(operation.name, body)
        facts = _facts(request, claims, parameters)
        if dry_run:
            async with _admitted(services, operation, claims, parameters, facts) as look:
                return _answer(await _preview(mutation, parameters, look))
        attempts = Attempts(services, claims.run if claims.digest else "", _key_of(request, claims))
        record = Record(services.audit, services.clock, operation.name, claims, facts.request_id)
        async with attempts.accounted(), _admitted(services, operation, claims, parameters, facts) as look:
            return _answer(await Execution(services, mutation, parameters, look, claims, attempts, record).run())

    return route


async def unknown(request: web.Request) -> web.Response:
    """An operation nobody knows is refused like any other refusal: by security, on the record."""
    services = request.app[SERVICES]
    claims = requests.claims_of(request, services)
    name = request.match_info["name"][:100]
    facts = authorization.Facts(
        person_id=claims.sub,
        workspace_id=claims.workspace,
        namespace="",
        request_id=request[problems.REQUEST_ID],
        session_id=claims.sid,
        run_id=claims.run,
    )
    await services.security.authorize_operation(name, facts)
    try:
        find(name)
    except errors.InvalidRequestError as error:
        raise errors.NotFoundError(str(error), details=error.details) from error
    raise errors.NotFoundError(f"{name} reads; it is found under its resource.")


async def _preview(mutation: Mutation, parameters: models.NamespacedParameters, look: Look) -> models.Preview:
    preview = await mutation.preview(parameters, look)
    warnings = await mutation.warnings(parameters, look, preview)
    return preview.model_copy(update={"warnings": tuple(look.redact(one) for one in warnings)})


def _facts(request: web.Request, claims: tokens.Claims, parameters: models.NamespacedParameters) -> authorization.Facts:
    return authorization.Facts(
        person_id=claims.sub,
        workspace_id=claims.workspace,
        namespace=parameters.namespace,
        request_id=request[problems.REQUEST_ID],
        session_id=claims.sid,
        run_id=claims.run,
    )


@asynccontextmanager
async def _admitted(
    services: Services,
    operation: Operation,
    claims: tokens.Claims,
    parameters: models.NamespacedParameters,
    facts: authorization.Facts,
) -> AsyncIterator[Look]:
    """The cluster, for somebody who may at this moment; everybody else is told why not, on the record."""
    if parameters.workspace_id != claims.workspace:
        explanation = f"The token is for workspace {claims.workspace}, the request for {parameters.workspace_id}."
        reason = authorization.INSUFFICIENT
        await services.security.refuse(operation.name, facts, reason=reason, explanation=explanation)
        raise errors.PermissionDeniedError(explanation)
    async with services.security.authorized(operation.name, facts) as decision:
        if not decision:
            raise errors.PermissionDeniedError(decision.explanation, details={"reason": decision.reason})
        name, cluster = services.clusters.resolve(parameters.workspace_id, parameters.cluster)
        yield Look(cluster, name, operation.permission, decision.permissions, services.redact, services.clock)


def _key_of(request: web.Request, claims: tokens.Claims) -> str:
    """The key of an attempt; a token for one step may not be used under the key of another."""
    key = request.headers.get("Idempotency-Key", "")
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        message = "The header Idempotency-Key is required: <run>:<step>."
        raise errors.InvalidRequestError(message, details={"status": 400})
    if not claims.run or not claims.digest:
        return key  # the execution will refuse it; there is nothing such a token could have begun
    if not f"{key}:".startswith(f"{claims.run}:{claims.step}:"):
        raise errors.InvalidRequestError("The Idempotency-Key must be <run>:<step> of the token.")
    return key


def _answer(model: models.Wire) -> web.Response:
    return web.json_response(model.model_dump(mode="json"))
