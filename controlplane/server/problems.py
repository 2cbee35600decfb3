"""The outermost layer of every request: a request id, a deadline, and errors as problem documents.

This is a process edge: whatever nobody expected is logged with its request id and answered without saying how the
inside looks. What security refuses is turned into the errors of the contract by a table.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controlplane.contract import errors, problems
from security import errors as security_errors

logger = logging.getLogger("aiops.controlplane")

REQUEST_ID = web.RequestKey("request_id", str)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_SECURITY: Mapping[type[security_errors.SecurityError], type[errors.ControlPlaneError]] = {
    security_errors.TokenError: errors.AuthenticationError,
    security_errors.TokenExpiredError: errors.AuthenticationError,
    security_errors.UnknownPersonError: errors.PermissionDeniedError,
}
_HTTP: Mapping[int, type[errors.ControlPlaneError]] = {
    404: errors.NotFoundError,
    405: errors.InvalidRequestError,
    413: errors.InvalidRequestError,
}


def edge(deadline: float) -> Middleware:
    """The middleware for requests that may take *deadline* seconds."""

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("X-Request-ID", "")
        request[REQUEST_ID] = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        response = await _guarded(request, handler, deadline)
        response.headers["X-Request-ID"] = request[REQUEST_ID]
        return response

    return answered


async def _guarded(request: web.Request, handler: Handler, deadline: float) -> web.StreamResponse:
    try:
        async with asyncio.timeout(deadline):
            return await handler(request)
    except errors.ControlPlaneError as error:
        if isinstance(error, errors.AuthenticationError):  # nobody whom an audit record could name
            logger.warning("a credential was refused", extra={"request_id": request[REQUEST_ID], **_origin(request)})
        return response_of(error)
    except security_errors.SecurityError as error:
        return response_of(_translated(error, request))
    except web.HTTPException as error:
        kind = _HTTP.get(error.status, errors.InvalidRequestError)
        return response_of(kind(f"{error.reason}: {request.method} {request.path}"[:200]), status=error.status)
    except TimeoutError:
        return response_of(errors.OperationTimeoutError())
    except Exception:
        logger.exception("request failed", extra={"request_id": request[REQUEST_ID], "path": request.path})
        failure = errors.ControlPlaneError(f"The control plane failed. Its log has request {request[REQUEST_ID]}.")
        failure.happened = None
        return response_of(failure)


def _origin(request: web.Request) -> Mapping[str, str]:
    return {"path": request.path[:200], "remote": request.remote or ""}


def response_of(error: errors.ControlPlaneError, *, status: int = 0) -> web.Response:
    plain = problems.document(error)
    plain["status"] = status or int(error.details.get("status", 0)) or plain["status"]
    response = web.json_response(plain, status=plain["status"], content_type=problems.MEDIA_TYPE)
    if isinstance(error, errors.RateLimitError):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, errors.AuthenticationError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _translated(error: security_errors.SecurityError, request: web.Request) -> errors.ControlPlaneError:
    kind = _SECURITY.get(type(error))
    if kind is not None:
        return kind(str(error))
    logger.error("refused: %s", error, extra={"request_id": request[REQUEST_ID], "path": request.path})
    return errors.ControlPlaneError(str(error), details={"status": HTTPStatus.SERVICE_UNAVAILABLE})
