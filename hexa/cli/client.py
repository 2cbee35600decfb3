"""The HTTP API from the outside: one method per address, errors as CommandErrors."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2

from hexa.cli.errors import CONFIGURATION, NOT_DONE, UNREACHABLE, USAGE, CommandError

WAIT = 20  # seconds of one long poll
_CODES = {400: USAGE, 401: CONFIGURATION, 422: USAGE}


@dataclass(frozen=True, slots=True)
class Api:
    """A server and the right to ask it. *local*: it ends with this command."""

    http: httpx2.AsyncClient
    local: bool = False

    async def chat(self, text: str, *, who: str, session: str = "") -> dict[str, Any]:
        return await self._call("POST", "/api/v1/chat", json={"text": text, "as": who, "session": session})

    async def run(self, run_id: str) -> dict[str, Any]:
        return await self._call("GET", f"/api/v1/runs/{run_id}")

    async def runs(self) -> list[dict[str, Any]]:
        return list((await self._call("GET", "/api/v1/runs"))["runs"])

    async def approvals(self) -> list[dict[str, Any]]:
        return list((await self._call("GET", "/api/v1/approvals"))["approvals"])

    async def decide(self, run_id: str, decision: str, *, who: str, reason: str = "") -> dict[str, Any]:
        fields = {"decision": decision, "as": who, "reason": reason}
        return await self._call("POST", f"/api/v1/approvals/{run_id}/decision", json=fields)

    async def progress(self, run_id: str, *, since: int = 0, wait: int = 0) -> dict[str, Any]:
        return await self._call("GET", f"/api/v1/runs/{run_id}/events", params={"since": since, "wait": wait})

    async def follow(self, run_id: str) -> AsyncIterator[dict[str, Any]]:
        """The run now and after each change, until it is over."""
        current = await self.progress(run_id)
        yield current
        while not current["final"]:
            newer = await self.progress(run_id, since=current["version"], wait=WAIT)
            if newer["version"] != current["version"]:
                yield newer
            current = newer

    async def people(self) -> list[dict[str, Any]]:
        return list((await self._call("GET", "/api/v1/people"))["people"])

    async def add_person(self, **fields: Any) -> dict[str, Any]:
        return await self._call("POST", "/api/v1/people", json=fields)

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = await self.http.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise CommandError(
                f"The server at {self.http.base_url} does not answer ({type(error).__name__}).",
                next_step="Look at its log, or start it again: hexa run",
                code=UNREACHABLE,
            ) from error
        found = _decoded(response)
        if response.is_success:
            return found
        detail = str(found.get("detail") or f"The server answered with status {response.status_code}.")
        code = _CODES.get(response.status_code, UNREACHABLE if response.is_server_error else NOT_DONE)
        raise CommandError(detail, next_step=str(found.get("next_step", "")), code=code)


def _decoded(response: httpx2.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
