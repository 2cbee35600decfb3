"""A cluster in memory behind the Cluster port: objects with uid, generation and resourceVersion, scale, watches.

It keeps a journal of calls and fails or hangs on demand. tests/contracts/test_cluster.py holds it to what the real
adapter does.
"""

import asyncio
import copy
import itertools
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.contract import errors
from controlplane.server.clusters import answers, port

Obj = dict[str, Any]


@dataclass(frozen=True)
class Call:
    verb: str
    ref: port.Ref
    dry_run: bool = False
    body: Mapping[str, Any] | None = None


class InMemoryCluster:
    """Add objects with `add`; `before` is called ahead of every call and may raise or change objects."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.calls: list[Call] = []
        self.groups: dict[str, tuple[str, ...]] = {"apps": ("apps/v1",), "autoscaling": ("autoscaling/v2",)}
        self.log_bytes: dict[tuple[str, str], bytes] = {}
        self.before: Callable[[Call], None] = lambda call: None
        self.after_patch: Callable[[Call], None] = lambda call: None
        self.hanging = asyncio.Event()
        self.hanging.set()
        self._objects: dict[tuple[str, str, str, str], Obj] = {}
        self._history: list[tuple[int, str, port.Ref, Obj]] = []
        self._versions = itertools.count(1)
        self._changed = asyncio.Condition()
        self._oldest = 0

    # --- what tests arrange ---------------------------------------------------------------------------------------

    def hang(self) -> None:
        """Calls wait for ever (that is, for their deadline) until `hanging` is set again."""
        self.hanging.clear()

    def add(self, ref: port.Ref, **content: Any) -> Obj:
        metadata = {
            "name": ref.name,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "resourceVersion": str(next(self._versions)),
            "creationTimestamp": "2026-01-05T08:00:00Z",
            **({"namespace": ref.namespace} if ref.namespace else {}),
            **content.pop("metadata", {}),
        }
        stored = {"metadata": metadata, **content}
        self._objects[self._key(ref)] = stored
        self._remember("ADDED", ref, stored)
        return stored

    def add_namespace(self, name: str) -> None:
        self.add(port.NAMESPACES.named(name))

    def add_deployment(self, namespace: str, name: str, replicas: int = 3, **metadata: Any) -> Obj:
        template = {"spec": {"containers": [{"name": name, "image": f"example/{name}:1.0"}]}}
        counts = {f"{kind}Replicas": replicas for kind in ("updated", "ready", "available")}
        return self.add(
            port.deployments(namespace).named(name),
            metadata=metadata,
            spec={"replicas": replicas, "template": template},
            status={"observedGeneration": 1, "replicas": replicas, **counts},
        )

    def touch(
        self, ref: port.Ref, *, spec: Mapping[str, Any] | None = None, status: Mapping[str, Any] | None = None
    ) -> None:
        """Somebody else changes an object: a spec moves the generation, a status only the resource version."""
        stored = self._objects[self._key(ref)]
        if spec:
            stored["spec"] = {**stored["spec"], **spec}
            stored["metadata"]["generation"] += 1
        stored["status"] = {**stored.get("status", {}), **(status or {})}
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        self._remember("MODIFIED", ref, stored)

    def delete(self, ref: port.Ref) -> None:
        self._remember("DELETED", ref, self._objects.pop(self._key(ref)))

    def forget_history(self) -> None:
        """Watches from any version known so far are answered with 410."""
        self._history.clear()
        self._oldest = next(self._versions)

    def patches(self) -> list[Call]:
        """Calls that changed something or tried to."""
        return [call for call in self.calls if call.verb == "patch" and not call.dry_run]

    # --- the port -------------------------------------------------------------------------------------------------

    async def get(self, ref: port.Ref, *, timeout: float) -> Obj:
        await self._begin(Call("get", ref), timeout)
        stored = self._find(ref)
        return _scale(stored) if ref.subresource == "scale" else copy.deepcopy(stored)

    async def list(
        self, ref: port.Ref, *, label_selector: str = "", field_selector: str = "", limit: int = 0, timeout: float
    ) -> Obj:
        await self._begin(Call("list", ref), timeout)
        found = [
            copy.deepcopy(stored)
            for (version, plural, namespace, _), stored in sorted(self._objects.items())
            if (version, plural) == (ref.version, ref.plural) and ref.namespace in ("", namespace)
        ]
        found = [one for one in found if _labelled(one, label_selector) and _fielded(one, field_selector)]
        more = {"continue": "more"} if limit and len(found) > limit else {}
        return {"metadata": {"resourceVersion": str(self._newest()), **more}, "items": found[: limit or None]}

    async def patch(
        self,
        ref: port.Ref,
        body: Mapping[str, Any],
        *,
        content_type: str = port.MERGE_PATCH,
        dry_run: bool = False,
        timeout: float,
    ) -> Obj:
        call = Call("patch", ref, dry_run, body)
        await self._begin(call, timeout)
        stored = self._find(ref)
        expected = (body.get("metadata") or {}).get("resourceVersion")
        if expected not in (None, stored["metadata"]["resourceVersion"]):
            raise errors.ConflictError("the object has been modified; please apply your changes to the latest version")
        replicas = body["spec"]["replicas"]
        changed = stored if not dry_run else copy.deepcopy(stored)
        if changed["spec"]["replicas"] != replicas:
            changed["spec"]["replicas"] = replicas
            changed["metadata"]["generation"] += 1
            if not dry_run:
                changed["metadata"]["resourceVersion"] = str(next(self._versions))
                self._remember("MODIFIED", ref.named(ref.name), stored)
        answer = _scale(changed)
        if not dry_run:
            self.after_patch(call)
        return answer

    async def logs(
        self,
        ref: port.Ref,
        *,
        container: str = "",
        tail_lines: int,
        limit_bytes: int,
        previous: bool = False,
        timeout: float,
    ) -> bytes:
        await self._begin(Call("logs", ref), timeout)
        names = [one["name"] for one in self._find(ref).get("spec", {}).get("containers", [])]
        if container and container not in names:
            raise errors.InvalidRequestError(f"container {container} is not valid for pod {ref.name}")
        lines = self.log_bytes.get((ref.namespace, ref.name), b"").splitlines(keepends=True)
        return b"".join(lines[-tail_lines:])[:limit_bytes]

    async def watch(
        self, ref: port.Ref, *, resource_version: str, field_selector: str = "", timeout: float
    ) -> AsyncGenerator[Obj, None]:
        await self._begin(Call("watch", ref), timeout)
        if int(resource_version) < self._oldest:
            raise port.ExpiredError
        seen = int(resource_version)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    async with self._changed:
                        await self._changed.wait_for(lambda: self._newest() > seen)  # noqa: B023
                    for number, kind, where, stored in list(self._history):
                        if number > seen and self._matches(ref, where) and _fielded(stored, field_selector):
                            yield {"type": kind, "object": stored}
                    seen = self._newest()
        except TimeoutError:
            return

    async def versions(self, group: str, *, timeout: float) -> tuple[str, ...]:
        await self._begin(Call("versions", port.Ref(group, "")), timeout)
        return self.groups.get(group, ())

    async def version(self, *, timeout: float) -> str:
        await self._begin(Call("version", port.Ref("v1", "")), timeout)
        return "v1.30.0"

    async def close(self) -> None:
        return

    # --------------------------------------------------------------------------------------------------------------

    async def _begin(self, call: Call, timeout: float) -> None:
        self.calls.append(call)
        self.before(call)
        try:
            async with asyncio.timeout(timeout):
                await self.hanging.wait()
        except TimeoutError as error:
            raise answers.too_slow(self.name, sent=True) from error

    def _find(self, ref: port.Ref) -> Obj:
        try:
            return self._objects[self._key(ref)]
        except KeyError:
            raise errors.NotFoundError(f'{ref.plural} "{ref.name}" not found') from None

    @staticmethod
    def _key(ref: port.Ref) -> tuple[str, str, str, str]:
        return ref.version, ref.plural, ref.namespace, ref.name

    @staticmethod
    def _matches(asked: port.Ref, where: port.Ref) -> bool:
        return (asked.version, asked.plural, asked.namespace) == (where.version, where.plural, where.namespace)

    def _newest(self) -> int:
        return self._history[-1][0] if self._history else self._oldest

    def _remember(self, kind: str, ref: port.Ref, stored: Obj) -> None:
        number = next(self._versions) if kind == "DELETED" else int(stored["metadata"]["resourceVersion"])
        self._history.append((number, kind, ref, copy.deepcopy(stored)))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._waking = asyncio.ensure_future(self._wake())

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _scale(stored: Obj) -> Obj:
    """A Scale, with zero left out the way the API server leaves it out."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = stored["spec"]["replicas"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: value for key, value in stored["metadata"].items() if key in kept},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": stored.get("status", {}).get("replicas", 0)},
    }


def _labelled(stored: Obj, selector: str) -> bool:
    labels = stored["metadata"].get("labels", {})
    terms = [term for term in selector.split(",") if term]
    return all(labels.get(term.partition("=")[0]) == term.partition("=")[2].lstrip("=") for term in terms)


def _fielded(stored: Obj, selector: str) -> bool:
    return all(_one_field(stored, term) for term in selector.split(",") if term)


def _one_field(stored: Obj, term: str) -> bool:
    path, _, wanted = term.replace("==", "=").partition("=")
    value: Any = stored
    for part in path.removesuffix("!").split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return (value != wanted) if path.endswith("!") else (value == wanted)
