"""How a client wants its objects: as they are, as a Table, or metadata only."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from demo import tables, views
from demo.objects import Clock, Obj
from demo.resources import Resource


@dataclass(frozen=True, slots=True)
class Presentation:
    resource: Resource
    clock: Clock
    form: str = ""
    include: str = "Metadata"

    @classmethod
    def wanted(cls, request: web.Request, resource: Resource, clock: Clock) -> "Presentation":
        """Read the Accept header; the first form we can give wins, plain JSON otherwise."""
        include = request.query.get("includeObject", "Metadata")
        for option in request.headers.get("Accept", "").split(","):
            for form in ("Table", "PartialObjectMetadataList", "PartialObjectMetadata"):
                if f"as={form}" in option.split(";"):
                    return cls(resource, clock, form.removesuffix("List"), include)
        return cls(resource, clock)

    def one(self, obj: Obj) -> Obj:
        if self.form == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return tables.table(self.resource, [self._shaped(obj)], self.clock(), self.include, meta)
        return tables.partial(obj) if self.form else self._shaped(obj)

    def many(self, items: list[Obj], meta: Obj) -> Obj:
        shaped = [self._shaped(item) for item in items]
        if self.form == "Table":
            return tables.table(self.resource, shaped, self.clock(), self.include, meta)
        if self.form:
            partials = [tables.partial(item) for item in shaped]
            kind = "PartialObjectMetadataList"
            return {"kind": kind, "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": partials}
        kind = f"{self.resource.kind}List"
        return {"kind": kind, "apiVersion": self.resource.api_version, "metadata": meta, "items": shaped}

    def bookmark(self, meta: Obj) -> Obj:
        """The nearly empty object a BOOKMARK event carries."""
        if self.form == "Table":
            return tables.table(self.resource, [], self.clock(), self.include, meta)
        return {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": meta}

    def _shaped(self, obj: Obj) -> Obj:
        return views.shaped(self.resource, obj)


def answer(body: Obj, code: int = 200) -> web.Response:
    return web.Response(body=dumps(body), status=code, content_type="application/json")


def dumps(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
