"""The HTTP face: authentication, faults, routing to discovery, reads, writes, watches and logs; errors as Status.

One catch-all route, because paths are parsed against the table of resources. Answers are written only after the
store has committed.
"""

import json
import logging
from http import HTTPStatus
from typing import Any

import yaml
from aiohttp import web

from demo import access, discovery, errors, patches, paths, reading
from demo.access import Question, Subject
from demo.faults import Faults
from demo.objects import Clock
from demo.paths import Target
from demo.podlogs import PodLogs
from demo.presentation import Presentation, answer
from demo.reading import Selection
from demo.store import Store
from demo.subresources import facet_of
from demo.watches import Watches
from demo.writing import Options, Writes

MAX_BODY = 3 * 1024 * 1024
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_YAML = ("application/yaml", "application/x-yaml", "text/yaml")
_log = logging.getLogger(__name__)


class ApiServer:
    def __init__(self, store: Store, *, clock: Clock, token: str, faults: Faults, logs: PodLogs) -> None:
        self._store = store
        self._clock = clock
        self._token = token
        self._faults = faults
        self._logs = logs
        self._writes = Writes(store, clock=clock)
        self._watches = Watches(store)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._edge)
        app.on_response_prepare.append(self._journal)
        return app

    def close(self) -> None:
        self._watches.close()
        self._logs.close()

    async def _journal(self, request: web.Request, response: web.StreamResponse) -> None:
        self._faults.record(request, response.status)

    async def _edge(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._faults.serve(request, self._serve)
        except errors.ApiError as refusal:
            return answer(refusal.status(), refusal.code)
        except web.HTTPRequestEntityTooLarge as cause:
            problem = errors.ApiError(cause.status, "RequestEntityTooLarge", f"limit is {MAX_BODY} bytes")
            return answer(problem.status(), problem.code)
        except ConnectionError:
            raise  # the client is gone; aiohttp closes the connection quietly
        except Exception:  # noqa: BLE001 - the process edge: a bug must not look like a dead server
            _log.exception("demo cluster: %s %s failed", request.method, request.path)
            problem = errors.ApiError(500, "InternalError", "Internal error occurred in the demo cluster; see its log")
            return answer(problem.status(), problem.code)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        subject = access.ANYBODY if request.path in discovery.PUBLIC else access.authenticate(request, self._token)
        if (document := discovery.document(request.path)) is not None:
            if request.method not in ("GET", "HEAD"):
                raise errors.method_not_allowed()
            return web.Response(text=document) if isinstance(document, str) else answer(document)
        if request.path.startswith("/apis/authorization.k8s.io/v1/"):
            return await self._review(request, subject)
        target = paths.parse(request.path)
        if target is None:
            raise errors.unknown_path()
        verb = _verb(request, target)
        access.require(subject, _question(verb, target), target.resource)
        if verb not in (*target.resource.verbs, "log"):
            raise errors.method_not_allowed()
        if request.method in ("GET", "HEAD"):
            return await self._read(request, target, verb)
        return await self._write(request, target)

    async def _read(self, request: web.Request, target: Target, verb: str) -> web.StreamResponse:
        presentation = Presentation.wanted(request, target.resource, self._clock)
        if verb == "watch":
            return await self._watches.serve(request, Selection.of(target, request.query), presentation)
        if verb == "list":
            return answer(reading.page(self._store, target, request.query, presentation))
        obj = reading.get(self._store, target)
        if verb == "log":
            return await self._logs.serve(request, obj)
        shown = facet_of(target.resource, target.subresource).show(obj)
        return answer(shown if target.subresource == "scale" else presentation.one(shown))

    async def _write(self, request: web.Request, target: Target) -> web.StreamResponse:
        if (target.name == "") != (request.method == "POST"):
            raise errors.method_not_allowed()
        raw, options = await request.read(), _options(request)
        match request.method:
            case "POST":
                written = self._writes.create(target, _body(request, raw), options)
            case "PUT":
                written = self._writes.update(target, _body(request, raw), options)
            case "PATCH":
                patch = patches.parse(raw, request.content_type)
                written = self._writes.patch(target, patch, request.content_type, options)
            case _:
                body = _body(request, raw) if raw else None
                written = self._writes.delete(target, body, dict(request.query), options)
        is_object = target.subresource == "" and written.body["kind"] != "Status"
        presentation = Presentation.wanted(request, target.resource, self._clock)
        return answer(presentation.one(written.body) if is_object else written.body, written.code)

    async def _review(self, request: web.Request, subject: Subject) -> web.Response:
        plural = request.path.rpartition("/")[2]
        if plural not in discovery.REVIEWS:
            raise errors.unknown_path()
        if request.method != "POST":
            raise errors.method_not_allowed()
        body = _body(request, await request.read())
        if not isinstance(body, dict):
            raise errors.bad_request("the request body must be an access review")
        return answer(access.review(body, subject, self_review=plural.startswith("self")), HTTPStatus.CREATED)


def _verb(request: web.Request, target: Target) -> str:
    if request.method not in _VERBS:
        raise errors.method_not_allowed()
    if request.method in ("GET", "HEAD"):
        if target.subresource == "log" and "log" in target.resource.subresources:
            return "log"
        if reading.flag(request.query, "watch"):
            return "watch"
        return "get" if target.name else "list"
    return _VERBS[request.method]


def _question(verb: str, target: Target) -> Question:
    return Question(
        verb="get" if verb == "log" else verb,
        resource=target.resource.plural,
        group=target.resource.group,
        namespace=target.namespace,
        subresource=target.subresource,
        name=target.name,
    )


def _options(request: web.Request) -> Options:
    dry_run = request.query.getall("dryRun", [])
    if any(value != "All" for value in dry_run):
        raise errors.bad_request(f"invalid dryRun: {dry_run}: supported values are All")
    return Options(dry_run=bool(dry_run), field_manager=request.query.get("fieldManager", ""))


def _body(request: web.Request, raw: bytes) -> Any:
    kind = request.content_type
    if kind not in ("application/json", *_YAML) and not (kind == "application/octet-stream" and raw[:1] == b"{"):
        raise errors.unsupported_media_type(kind, "application/json, application/yaml")
    try:
        return yaml.safe_load(raw) if kind in _YAML else json.loads(raw)
    except (ValueError, yaml.YAMLError) as cause:
        raise errors.bad_request(f"the object provided is unrecognized: {cause}") from cause
