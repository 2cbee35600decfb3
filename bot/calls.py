"""Every call to Slack's Web API goes through here: one session, one pace per method, and two kinds of failure.

Slack limits each method per team, so a token bucket per (team, method) keeps below it and a 429 stops everybody
who uses that method. What comes out is an answer, SlackRefused (nothing happened) or SlackUnavailable (try later);
no exception of the SDK or of aiohttp leaves this module. Nothing is retried here: who calls knows what may be
repeated.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot import errors

logger = logging.getLogger("aiops.slack")

#: Calls per minute and how many may go at once; the rest of Slack's methods get DEFAULT_PACE.
PACES: Mapping[str, tuple[float, int]] = {
    "chat.postMessage": (60, 10),
    "chat.update": (50, 10),
    "chat.postEphemeral": (100, 10),
    "reactions.add": (50, 10),
    "users.info": (100, 10),
    "users.lookupByEmail": (50, 10),
    "auth.test": (60, 5),
}
DEFAULT_PACE = (50.0, 5)

#: Refusals that pass by themselves.
TEMPORARY = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "accesslimited", "team_added_to_org"}
)
RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
MAX_WAIT = 300.0
PATIENCE = 5.0  #: seconds a call waits for its turn by itself


class Bucket:
    """Lets *burst* calls through at once and *per_minute* in the long run; waiting callers queue in order."""

    def __init__(self, per_minute: float, burst: int, now: Callable[[], float]) -> None:
        self._interval = 60.0 / per_minute
        self._burst = burst
        self._now = now
        self._free_at = 0.0

    def wait(self) -> float:
        """Seconds until the next place may be used."""
        return max(0.0, self._next() - self._now())

    def take(self) -> None:
        """Use the next place."""
        self._free_at = self._next() + self._interval

    def _next(self) -> float:
        return max(self._free_at, self._now() - self._interval * (self._burst - 1))

    def close_for(self, seconds: float) -> None:
        """Nobody passes before *seconds* have gone by."""
        self._free_at = max(self._free_at, self._now() + seconds)


class SlackCalls:
    """The Web API of one Slack app."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        paces: Mapping[str, tuple[float, int]] = PACES,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
        counted: Callable[[str, str], None] = lambda _method, _outcome: None,
    ) -> None:
        """*counted* is told each call's method and outcome: ok, rate_limited, refused or unreachable."""
        self._client = client
        self._paces = paces
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._counted = counted
        self._buckets: dict[tuple[str, str], Bucket] = {}

    async def call(self, method: str, *, team: str = "", **arguments: Any) -> dict[str, Any]:
        """The answer of *method*; how the arguments travel is the SDK's knowledge."""
        try:
            answer = await self._made(method, team, arguments)
        except errors.SlackError as problem:
            self._counted(method, _outcome(problem))
            raise
        self._counted(method, "ok")
        return answer

    async def _made(self, method: str, team: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        bucket = self._bucket(team, method)
        if (wait := bucket.wait()) > PATIENCE:
            raise errors.SlackRateLimited(method, wait)  # who waits that long should not hold anything meanwhile
        bucket.take()
        if wait > 0:
            await self._sleep(wait)
        function = getattr(self._client, method.replace(".", "_"))
        try:
            response = await function(**arguments)
        except SlackApiError as problem:
            raise self._translated(method, problem, bucket) from problem
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError) as problem:
            # The request may have left before the connection broke: only a refused connection certainly did not.
            applied = not isinstance(problem, aiohttp.ClientConnectorError)
            raise errors.SlackUnavailable(method, type(problem).__name__, applied=applied) from problem
        return dict(response.data)

    async def respond(self, response_url: str, **message: Any) -> None:
        """Post through a response_url: a capability that is used, never logged, and gone after 30 minutes."""
        session = self._client.session
        if session is None:
            raise errors.SlackUnavailable("response_url", "not started")
        if not self._may_be_slack(response_url):
            raise errors.ResponseUrlExpired
        try:
            async with session.post(response_url, json=message, allow_redirects=False) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise errors.SlackUnavailable("response_url", type(problem).__name__, applied=True) from None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise errors.SlackUnavailable("response_url", f"http {status}")
        if status != HTTPStatus.OK:
            raise errors.ResponseUrlExpired

    def _may_be_slack(self, url: str) -> bool:
        """Slack hands out addresses of its own hosts; with a replaced API base, of that host."""
        given, base = urlsplit(url), urlsplit(self._client.base_url)
        if given.netloc == base.netloc and given.scheme == base.scheme:
            return True
        host = given.hostname or ""
        return given.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com"))

    def _bucket(self, team: str, method: str) -> Bucket:
        key = (team, method)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(*self._paces.get(method, DEFAULT_PACE), self._now)
        return bucket

    def _translated(self, method: str, problem: SlackApiError, bucket: Bucket) -> errors.SlackError:
        status, headers, data = _parts(problem)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == HTTPStatus.TOO_MANY_REQUESTS or code in RATE_LIMITED:
            wait = _seconds(headers.get("Retry-After"))
            bucket.close_for(wait)
            logger.warning("Slack limits %s, waiting %g s", method, wait)
            return errors.SlackRateLimited(method, wait)
        if status == HTTPStatus.NOT_FOUND:
            return errors.SlackRefused(method, errors.UNKNOWN_METHOD)
        if status != HTTPStatus.OK or code in TEMPORARY or not code:
            # Slack may have done it before it broke; whoever repeats has to look first.
            return errors.SlackUnavailable(method, code or f"http {status}", applied=True)
        if details := _details(data):
            logger.info("Slack refused %s: %s %s", method, code, details)
        return errors.SlackRefused(method, code)


def _outcome(problem: errors.SlackError) -> str:
    if isinstance(problem, errors.SlackRateLimited):
        return "rate_limited"
    return "refused" if isinstance(problem, errors.SlackRefused) else "unreachable"


def _parts(problem: SlackApiError) -> tuple[int, Mapping[str, str], Any]:
    response = problem.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    return status, getattr(response, "headers", {}), getattr(response, "data", None)


def _seconds(value: str | None) -> float:
    try:
        return min(MAX_WAIT, max(0.5, float(value or 1)))
    except ValueError:
        return 1.0


def _details(data: Any) -> str:
    """What Slack says about invalid blocks: pointers into our own layout, cut, never the content."""
    found = data.get("errors") or (data.get("response_metadata") or {}).get("messages") or []
    return json.dumps(found)[:500] if found else ""
