"""Requests of the API before they mean anything: the token, the body, the fields; and errors as problem documents."""

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from observability.logging import context
from security.errors import SecurityError
from security.redaction import redact

LARGEST_BODY = 64 * 1024
PATIENCE = 15.0  # seconds for 64 kB; whoever needs longer holds a connection for its own sake

logger = logging.getLogger("aiops.console")

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):  # noqa: N818 -- an answer, not a failure
    """An answer other than success. *detail* names the cause, *next_step* what to do."""

    def __init__(self, status: int, title: str, detail: str, *, next_step: str = "") -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.next_step = status, title, detail, next_step

    def response(self) -> web.Response:
        body = {"type": "about:blank", "status": self.status, "title": self.title, "detail": redact(self.detail)}
        if self.next_step:
            body["next_step"] = self.next_step
        headers = {"WWW-Authenticate": "Bearer"} if self.status == web.HTTPUnauthorized.status_code else {}
        return web.json_response(body, status=self.status, content_type="application/problem+json", headers=headers)


def guarded(token: str, endpoint: Endpoint, new_id: Callable[[], str]) -> Endpoint:
    """*endpoint* for requests with the token alone, its problems told as documents."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not authorised(request, token):
            return Problem(401, "Not authorised", "The token of server.json is missing or wrong.").response()
        request_id = new_id()
        try:
            with context(request_id=request_id):
                return await endpoint(request)
        except Problem as problem:
            return problem.response()
        except SecurityError as error:
            return Problem(503, "Refused for safety", str(error)).response()
        except Exception:
            logger.exception("a request of the API failed", extra={"request_id": request_id, "path": request.path})
            step = f"Look for request {request_id} in the log, then try again"
            return Problem(500, "Failed", "Hexa could not answer this.", next_step=step).response()

    return answer


def authorised(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token.encode())
    return bool(token) and scheme.lower() == "bearer" and same


async def body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request, read up to a limit whatever its headers claim."""
    try:
        async with asyncio.timeout(PATIENCE):
            raw = await _read(request)
    except TimeoutError as error:
        raise Problem(408, "Too slow", f"The body did not arrive within {PATIENCE:g} seconds.") from error
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Not JSON", "The body of the request is not valid JSON.") from error
    if not _storable(found):
        raise Problem(400, "Not text", "A text of the request has half a character (a lone surrogate) in it.")
    if not isinstance(found, dict):
        raise Problem(400, "Not an object", "The body of the request must be a JSON object.")
    return found


def _storable(found: Any) -> bool:
    """Whether every text could be written down: JSON can escape halves of characters, which UTF-8 does not have."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


async def _read(request: web.Request) -> bytes:
    raw = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        raw += chunk
        if len(raw) > LARGEST_BODY:
            raise Problem(413, "Too large", f"A request may have {LARGEST_BODY // 1024} kB.")
    return bytes(raw)


def text(fields: dict[str, Any], name: str, *, default: str | None = None, longest: int = 1000) -> str:
    """A text field; required unless there is a *default*."""
    value = fields.get(name, default)
    if value is None:
        raise Problem(422, "Missing field", f"The field “{name}” is missing.")
    if not isinstance(value, str):
        raise Problem(422, "Wrong type", f"The field “{name}” must be text.")
    if len(value) > longest:
        raise Problem(422, "Too long", f"The field “{name}” may have {longest} characters.")
    return value.strip()


def texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts; nothing when it is left out."""
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise Problem(422, "Wrong type", f"The field “{name}” must be a list of texts.")
    return tuple(dict.fromkeys(one.strip() for one in value))


def number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """A whole number of the query, cut to 0..*most*."""
    given = request.query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 12):  # noqa: PLR2004 -- far above any version
        raise Problem(422, "Wrong type", f"“{name}” must be a whole number.")
    return min(int(given), most)
