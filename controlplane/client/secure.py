"""SecureHKSClient: one call of the internal API, as the architecture guide names it.

One pooled connection serves all calls; nothing is taken from the environment and no redirect is followed, so a
token goes where the configuration says and nowhere else. GET parameters travel in the query string. Every answer
that is not a success is raised as a typed error, whatever its body is.
"""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from controlplane.contract import catalogue, errors, problems

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 45.0  # longer than the server's own deadline, so that its explanation arrives
_PARTS = 3
_LONGEST_TOKEN = 4096


class SecureHKSClient:
    """*verify_ssl* as in the guide; *transport* lets a test answer instead of a server."""

    def __init__(
        self,
        base_url: str,
        *,
        verify_ssl: bool = True,
        timeout: float = ANSWER_TIMEOUT,
        transport: httpx2.AsyncBaseTransport | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._new_id = new_id
        self._http = httpx2.AsyncClient(
            base_url=base_url.rstrip("/"),
            verify=verify_ssl,
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout)),
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20),
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def internal_api_call(
        self,
        endpoint: str,
        method: str,
        data: Mapping[str, Any],
        jwt_token: str,
        *,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> httpx2.Response:
        """A successful answer; raises ControlPlaneError otherwise, AuthenticationError before anything is sent
        when the token cannot be one.
        """
        try:
            check_structure(jwt_token)
        except ValueError as error:
            raise errors.AuthenticationError(f"Invalid JWT token: {error}") from error
        return await self.call(
            endpoint, method, data, bearer=jwt_token, request_id=request_id, idempotency_key=idempotency_key
        )

    async def call(
        self,
        endpoint: str,
        method: str,
        data: Mapping[str, Any],
        *,
        bearer: str,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> httpx2.Response:
        """The same with any bearer credential."""
        headers = {
            "Authorization": f"Bearer {bearer}",
            "Accept": "application/json",
            "X-Internal-API": "true",
            "X-API-Version": catalogue.API_VERSION,
            "X-Request-ID": request_id or self._new_id(),
        }
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        sent: dict[str, Any] = {"params": dict(data)} if method == "GET" else {"json": dict(data)}
        try:
            response = await self._http.request(method, endpoint, headers=headers, **sent)
        except httpx2.RequestError as error:
            raise _transport_error(error) from error
        if not response.is_success:
            raise problems.error_of(
                response.status_code, plain_of(response), retry_after=response.headers.get("Retry-After", "")
            )
        return response

    async def close(self) -> None:
        await self._http.aclose()


def check_structure(token: str) -> None:
    """Whether this could be a JWT at all; whether it is to be trusted only the control plane can tell."""
    if len(token) > _LONGEST_TOKEN:
        raise ValueError("it is too long")
    parts = token.split(".")
    if len(parts) != _PARTS or not all(parts):
        raise ValueError("it must have 3 parts separated by dots")
    for part in parts[:2]:
        if not isinstance(_decoded(part), dict):
            raise ValueError("header and claims must be JSON objects")  # noqa: TRY004 -- one kind of failure


def plain_of(response: httpx2.Response) -> Any:
    """The JSON of an answer, or nothing when it has none."""
    try:
        return response.json()
    except ValueError:
        return None


def _decoded(part: str) -> Any:
    try:
        return json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64 encoded JSON") from error


def _transport_error(error: httpx2.RequestError) -> errors.ControlPlaneError:
    """A connection that was never made did nothing; of anything later it is not known."""
    if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError | httpx2.PoolTimeout):
        unreached = errors.NetworkError()
        unreached.happened = False
        return unreached
    if isinstance(error, httpx2.TimeoutException):
        return errors.OperationTimeoutError("The control plane did not answer in time.")
    return errors.NetworkError("The connection to the control plane broke before it answered.")
