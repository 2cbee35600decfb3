"""The addresses of the API and what each answers. Everything below ``/api/v1`` needs the token of server.json.

``as`` names the person on whose behalf a request is made. It is believed because the token lies in the data
directory, readable by its owner alone; what that person may do is decided by the same rules as everywhere.
"""

from time import monotonic
from typing import Literal

from aiohttp import web

from agents.chat.conversation import Question
from console.api import people, requests, showing
from console.api.requests import Endpoint, Problem
from console.api.services import Services
from observability import logging
from security import digests
from workflows import runs

LONGEST_WAIT = 25  # seconds, below the 30 after which proxies give up
LONGEST_KEY = 100
CHANGED_RUNS = "runs"
_DECISIONS: dict[str, Literal["approved", "rejected"]] = {
    "approve": "approved", "approved": "approved", "reject": "rejected", "rejected": "rejected",
}  # fmt: skip


def routes(services: Services) -> list[web.RouteDef]:
    """What to mount on the main port."""
    open_to_all, conversation, run = _Monitoring(services), _Conversation(services), _Runs(services)
    persons = people.PeopleEndpoints(services)

    def owned(endpoint: Endpoint) -> Endpoint:
        return requests.guarded(services.token, endpoint, services.new_id)

    return [
        web.get("/healthz", open_to_all.alive),
        web.get("/readyz", open_to_all.ready),
        web.get("/metrics", open_to_all.metrics),
        web.post("/api/v1/chat", owned(conversation.chat)),
        web.get("/api/v1/runs", owned(run.recent)),
        web.get("/api/v1/runs/{id}", owned(run.one)),
        web.get("/api/v1/runs/{id}/events", owned(run.events)),
        web.get("/api/v1/approvals", owned(run.waiting)),
        web.post("/api/v1/approvals/{id}/decision", owned(conversation.decide)),
        web.get("/api/v1/people", owned(persons.everybody)),
        web.post("/api/v1/people", owned(persons.add)),
    ]


class _Monitoring:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def alive(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Which checks fail is told to everybody, why only to the owner."""
        health = await self._services.checks.run()
        trusted = requests.authorised(request, self._services.token)
        checks = {
            name: (problem if trusted else "failing") if problem else "ok" for name, problem in health.checks.items()
        }
        body = {"status": "ok" if health.ready else "not ready", "checks": checks}
        return web.json_response(body, status=200 if health.ready else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        text, kind = self._services.metrics.exposition()
        return web.Response(body=text, headers={"Content-Type": kind})


class _Conversation:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def chat(self, request: web.Request) -> web.Response:
        """One message and its answer: a reply, or a run to follow."""
        fields = await requests.body(request)
        text = requests.text(fields, "text", longest=12_000)
        if not text:
            raise Problem(422, "Nothing asked", "The text is empty.", next_step="Try: help")
        person = await people.named(self._services, requests.text(fields, "as", default=""))
        session = requests.text(fields, "session", default="", longest=100) or self._services.new_id()
        question = Question(
            surface=self._services.surface,
            key=f"{person.id}:{session}",
            workspace_id=self._workspace(requests.text(fields, "workspace", default="")),
            person_id=person.id,
            text=text,
            trigger=self._trigger(request, person.id),
        )
        answer = await self._services.conversation.ask(question)
        body = {"reply": showing.reply(answer.reply), "run_id": answer.run_id, "session_id": answer.session_id}
        return web.json_response({**body, "session": session, "as": person.id})

    async def decide(self, request: web.Request) -> web.Response:
        fields = await requests.body(request)
        decision = _DECISIONS.get(requests.text(fields, "decision"))
        if decision is None:
            raise Problem(422, "Unknown decision", "The decision must be “approve” or “reject”.")
        person = await people.named(self._services, requests.text(fields, "as", default=""))
        verdict = await self._services.decisions.decide(
            run_id=request.match_info["id"],
            person_id=person.id,
            decision=decision,
            surface=self._services.surface,
            reason=requests.text(fields, "reason", default=""),
        )
        return web.json_response({"accepted": verdict.accepted, "reply": showing.reply(verdict.reply), "as": person.id})

    def _trigger(self, request: web.Request, person_id: str) -> str:
        """The identity of a message: the same person with the same idempotency key has sent the same one again."""
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return logging.bound("request_id") or self._services.new_id()
        if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
            raise Problem(422, "Wrong key", f"The Idempotency-Key may have {LONGEST_KEY} printable ASCII characters.")
        return digests.sha256([self._services.surface, person_id, key])

    def _workspace(self, name: str) -> str:
        if name and name not in self._services.workspaces:
            known = ", ".join(self._services.workspaces)
            raise Problem(404, "Unknown workspace", f"There is no workspace “{name}”.", next_step=f"Use one of {known}")
        return name or self._services.workspaces[0]


class _Runs:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def one(self, request: web.Request) -> web.Response:
        return web.json_response(showing.run(await self._found(request), now=self._services.clock()))

    async def recent(self, request: web.Request) -> web.Response:
        limit = requests.number(request, "limit", default=20, most=200)
        found = [
            one for name in self._services.workspaces for one in await self._services.runs.recent(name, limit=limit)
        ]
        found.sort(key=lambda one: one.created_at, reverse=True)
        return web.json_response({"runs": [showing.summary(one) for one in found[:limit]]})

    async def waiting(self, _: web.Request) -> web.Response:
        found = [one for name in self._services.workspaces for one in await self._services.approvals.waiting(name)]
        return web.json_response({"approvals": [showing.summary(one) for one in found]})

    async def events(self, request: web.Request) -> web.Response:
        """The run as soon as its version is above *since*, or as it is after *wait* seconds."""
        since = requests.number(request, "since", default=0, most=10**11)
        left: float = requests.number(request, "wait", default=0, most=LONGEST_WAIT)
        deadline = monotonic() + left
        changed = self._services.changed
        while True:
            seen = changed.version(CHANGED_RUNS)
            found = await self._found(request)
            if found.version > since or (left := deadline - monotonic()) <= 0:
                return web.json_response(showing.progress(found, now=self._services.clock()))
            await changed.wait(CHANGED_RUNS, seen, left)

    async def _found(self, request: web.Request) -> runs.Run:
        found = await self._services.runs.get(request.match_info["id"])
        if found is None:
            raise Problem(
                404, "Unknown run", "There is no run with this id.", next_step="See which there are: hexa runs"
            )
        return found
