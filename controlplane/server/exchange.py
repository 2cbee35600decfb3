"""The token exchange: the bot's credential and a verified identity, or a run, against a short-lived user token.

For a run nobody's word is taken: its requester, workspace and session come from the approval ledger, and a token
with a digest is given only where the ledger has a consumed grant that covers it.
"""

from typing import Annotated

import pydantic
from aiohttp import web
from pydantic import Field

from controlplane.contract import canonical, errors, models
from controlplane.server import problems, requests
from controlplane.server.services import SERVICES, Services
from security import audit, tokens

Id = Annotated[str, Field(min_length=1, max_length=200)]


class ForPerson(models.Wire):
    person_id: Id
    workspace_id: Id
    session_id: Annotated[str, Field(max_length=200)]
    surface: Annotated[str, Field(max_length=40)]


class ForStep(models.Wire):
    run_id: Id
    step_id: Id
    digest: Annotated[str, Field(max_length=100)] = ""


async def exchange(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    requests.check_credential(request, services)
    body = await requests.body_of(request)
    try:
        wanted = ForStep.model_validate(body) if "run_id" in body else ForPerson.model_validate(body)
    except pydantic.ValidationError as error:
        raise canonical.invalid(error) from error
    request_id = request[problems.REQUEST_ID]
    if isinstance(wanted, ForStep):
        answer = await _for_step(wanted, services, request_id)
    else:
        answer = await _for_person(wanted, services, request_id)
    return web.json_response(answer.model_dump(mode="json"), headers={"Cache-Control": "no-store"})


async def _for_person(wanted: ForPerson, services: Services, request_id: str) -> models.Token:
    if not services.clusters.names(wanted.workspace_id):
        raise errors.NotFoundError(f"There is no workspace {wanted.workspace_id!r} with a cluster. See hexa.yaml.")
    event = audit.Event(
        type="token_issued",
        workspace_id=wanted.workspace_id,
        actor=wanted.person_id,
        action="exchange_token",
        outcome="granted",
        at=services.clock(),
        request_id=request_id,
        session_id=wanted.session_id,
        details={"surface": wanted.surface},
    )
    if await services.bindings.person(wanted.person_id) is None:
        await _refuse(services, event, "unknown_person")
        raise errors.PermissionDeniedError(
            f"Nobody called {wanted.person_id!r} is configured. Add them: hexa user add {wanted.person_id}"
        )
    await services.audit.append(event)
    token = services.tokens.mint(subject=wanted.person_id, workspace=wanted.workspace_id, session=wanted.session_id)
    return await _answer(services, token, wanted.person_id, wanted.workspace_id)


async def _for_step(wanted: ForStep, services: Services, request_id: str) -> models.Token:
    grant = await services.ledger.grant(wanted.run_id)
    if grant is None:
        raise errors.NotFoundError(f"There is no run {wanted.run_id}.")
    event = audit.Event(
        type="token_issued",
        workspace_id=grant.workspace_id,
        actor=grant.requester_id,
        action="exchange_token",
        outcome="granted",
        at=services.clock(),
        request_id=request_id,
        session_id=grant.session_id,
        run_id=grant.run_id,
        details={"step": wanted.step_id, "digest": wanted.digest},
    )
    if wanted.digest and not grant.covers(wanted.digest):
        await _refuse(services, event, "no_approval")
        raise errors.PermissionDeniedError(f"No approval found for this step of run {wanted.run_id}.")
    await services.audit.append(event)
    token = services.tokens.mint(
        subject=grant.requester_id,
        workspace=grant.workspace_id,
        session=grant.session_id,
        run=grant.run_id,
        step=wanted.step_id,
        digest=wanted.digest,
    )
    return await _answer(services, token, grant.requester_id, grant.workspace_id)


async def _answer(services: Services, token: str, person_id: str, workspace_id: str) -> models.Token:
    held = await services.bindings.permissions_of(person_id, workspace_id)
    return models.Token(access_token=token, expires_in=tokens.MAX_LIFETIME, permissions=tuple(held))


async def _refuse(services: Services, event: audit.Event, reason: str) -> None:
    plain = {name: getattr(event, name) for name in event.__slots__}
    await services.audit.append(
        audit.Event(**{**plain, "type": "token_refused", "outcome": "denied", "reason": reason})
    )
