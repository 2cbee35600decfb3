"""The door for HTTP: a request is proven to come from Slack before anything looks inside it.

Verified are the raw bytes, with one or two secrets, within five minutes, once. Whoever fails learns nothing: an
empty 401, and no log line above debug, none with the body. Slack repeats a delivery with a new timestamp and
signature, so an identical request is a replay; one that ended in an error on our side may come again.
"""

import hashlib
import hmac
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

logger = logging.getLogger("aiops.slack")

MAX_BODY = 1024 * 1024
TOLERANCE = 300
REMEMBERED_FOR = 600
MAX_REMEMBERED = 50_000
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


class Verifier:
    """Slack's signature over the raw body."""

    def __init__(self, secrets: tuple[str, ...], clock: Callable[[], datetime]) -> None:
        self._keys = tuple(secret.encode() for secret in secrets)
        self._clock = clock

    def timely(self, timestamp: str) -> bool:
        if not _TIMESTAMP.fullmatch(timestamp):
            return False
        return abs(self._clock().timestamp() - int(timestamp)) <= TOLERANCE

    def genuine(self, timestamp: str, signature: str, body: bytes) -> bool:
        if not _SIGNATURE.fullmatch(signature):
            return False
        signed = b"v0:" + timestamp.encode("ascii") + b":" + body
        # Every key is tried, so the time taken does not tell which one fits.
        matches = [hmac.compare_digest(_digest(key, signed), signature) for key in self._keys]
        return any(matches)


def _digest(key: bytes, signed: bytes) -> str:
    return "v0=" + hmac.new(key, signed, hashlib.sha256).hexdigest()


class Replays:
    """Signatures seen in the last ten minutes, bounded."""

    def __init__(self, clock: Callable[[], datetime], *, limit: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._limit = limit
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def first(self, timestamp: str, signature: str) -> bool:
        """Remember; False when it was there already."""
        now = self._clock().timestamp()
        while self._seen and (len(self._seen) >= self._limit or next(iter(self._seen.values())) < now - REMEMBERED_FOR):
            self._seen.popitem(last=False)
        if (timestamp, signature) in self._seen:
            return False
        self._seen[timestamp, signature] = now
        return True

    def forget(self, timestamp: str, signature: str) -> None:
        self._seen.pop((timestamp, signature), None)


class Ingress:
    """The aiohttp handler of ``/slack/events``."""

    def __init__(self, app: AsyncApp, secrets: tuple[str, ...], clock: Callable[[], datetime]) -> None:
        self._app = app
        self._verifier = Verifier(secrets, clock)
        self._replays = Replays(clock)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not self._verifier.timely(timestamp):
            return _refused("timestamp")
        if (request.content_length or 0) > MAX_BODY:
            return web.Response(status=413)
        body = await request.read()
        if len(body) > MAX_BODY or not self._verifier.genuine(timestamp, signature, body):
            return _refused("signature")
        if not self._replays.first(timestamp, signature):
            return _refused("replay")
        response = await self._accepted(request, body)
        if response.status >= web.HTTPInternalServerError.status_code:
            self._replays.forget(timestamp, signature)
        return response

    async def _accepted(self, request: web.Request, body: bytes) -> web.StreamResponse:
        try:
            # Bolt looks for its fields while it is constructed and fails on JSON that is no object.
            parsed = AsyncBoltRequest(body=body.decode(), headers=dict(request.headers))
        except (ValueError, AttributeError, TypeError):
            logger.warning("a signed Slack request has a body that is neither JSON nor a form")
            return web.Response(status=400)
        answer = await self._app.async_dispatch(parsed)
        if not answer.body:
            return web.Response(status=answer.status)  # nearly always
        return await to_aiohttp_response(answer)


def _refused(why: str) -> web.Response:
    logger.debug("a request to /slack/events was refused: %s", why)
    return web.Response(status=401)
