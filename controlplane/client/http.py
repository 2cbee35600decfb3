"""The ports of the contract over HTTP: what agents and workflows call operations and the token exchange through."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import pydantic

from controlplane.client.secure import SecureHKSClient, plain_of
from controlplane.contract import canonical, catalogue, errors, models
from controlplane.contract.operations import Caller

_TOKENS = "/internal/v1/tokens"

M = TypeVar("M", bound=models.Wire)


class HttpControlPlane:
    """`Operations` and `TokenExchange`. Parameters are checked before anything is sent."""

    def __init__(self, client: SecureHKSClient, *, credential: str) -> None:
        self._client = client
        self._credential = credential

    def __repr__(self) -> str:
        return "HttpControlPlane()"

    async def read(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        found = catalogue.find(operation)
        if found.mutating:
            raise errors.InvalidRequestError(f"{operation} changes things; it cannot be read.")
        given = canonical.parse(operation, parameters).model_dump(mode="json", exclude_defaults=True)
        path = {name: quote(str(given.pop(name)), safe="") for name in found.path_parameters}
        response = await self._client.internal_api_call(
            found.path.format(**path), "GET", given, caller.token, request_id=caller.request_id
        )
        return _object(response)

    async def preview(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> models.Preview:
        try:
            response = await self._post(operation, parameters, caller, dry_run=True)
        except errors.ControlPlaneError as error:
            error.happened = False  # a dry run changes nothing, however it ends
            raise
        return _model(models.Preview, response)

    async def execute(
        self, operation: str, parameters: Mapping[str, Any], caller: Caller, *, idempotency_key: str
    ) -> models.Outcome:
        response = await self._post(operation, parameters, caller, idempotency_key=idempotency_key)
        return _model(models.Outcome, response)

    async def for_person(self, person_id: str, *, workspace_id: str, session_id: str, surface: str) -> models.Token:
        return await self._exchange(
            {"person_id": person_id, "workspace_id": workspace_id, "session_id": session_id, "surface": surface}
        )

    async def for_step(self, run_id: str, *, step_id: str, digest: str = "") -> models.Token:
        return await self._exchange({"run_id": run_id, "step_id": step_id, "digest": digest})

    async def close(self) -> None:
        await self._client.close()

    async def _post(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        caller: Caller,
        *,
        dry_run: bool = False,
        idempotency_key: str = "",
    ) -> httpx2.Response:
        found = catalogue.find(operation)
        if not found.mutating:
            raise errors.InvalidRequestError(f"{operation} changes nothing; it can only be read.")
        body = canonical.parse(operation, parameters).model_dump(mode="json", exclude_defaults=True)
        return await self._client.internal_api_call(
            found.path,
            "POST",
            {**body, "dry_run": True} if dry_run else body,
            caller.token,
            request_id=caller.request_id,
            idempotency_key=idempotency_key,
        )

    async def _exchange(self, body: Mapping[str, Any]) -> models.Token:
        response = await self._client.call(_TOKENS, "POST", body, bearer=self._credential)
        return _model(models.Token, response)


def _object(response: httpx2.Response) -> dict[str, Any]:
    plain = plain_of(response)
    if not isinstance(plain, dict):
        raise _unreadable()
    return plain


def _model(model: type[M], response: httpx2.Response) -> M:
    try:
        return model.model_validate(_object(response))
    except pydantic.ValidationError as error:
        raise _unreadable() from error


def _unreadable() -> errors.ControlPlaneError:
    error = errors.ControlPlaneError(
        "The answer cannot be read: is HEXA_CONTROLPLANE_URL the control plane, and of the same version?"
    )
    error.happened = None
    return error
