"""Create, update, patch and delete: preconditions, dry run, admission, then one committed write.

Nothing here awaits, so a read-check-write is atomic on the event loop.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from demo import admission, errors, patches, resources, shapes
from demo.objects import Clock, Obj, dig, is_deleting, letters, name_of, stamp, uid_of, without_nulls
from demo.paths import Target
from demo.store import Store
from demo.subresources import Facet, facet_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    dry_run: bool = False
    field_manager: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    code: int
    body: Obj


class Writes:
    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, target: Target, body: Any, options: Options) -> Written:
        resource = target.resource
        obj = admission.check_envelope(resource, body)
        meta: Obj = obj["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + letters(f"{self._store.version}{stamp(self._clock())}", 5)
        for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "deletionTimestamp"):
            meta.pop(field, None)
        self._place(target, meta)
        if "status" in resource.subresources:
            obj.pop("status", None)
        admitted = admission.admit(resource, obj, None)
        return Written(HTTPStatus.CREATED, self._store.create(resource, admitted, dry_run=options.dry_run))

    def update(self, target: Target, body: Any, options: Options) -> Written:
        if target.subresource != "scale":
            body = admission.check_envelope(target.resource, body)
        elif not isinstance(body, dict):
            raise errors.bad_request("the request body must be a Scale")
        return Written(HTTPStatus.OK, self._modify(target, lambda _: dict(body), options))

    def patch(self, target: Target, patch: Any, content_type: str, options: Options) -> Written:
        if content_type == patches.APPLY:
            if not options.field_manager:
                raise errors.bad_request("fieldManager is required for apply patch")
            admission.check_envelope(target.resource, patch)
            if self._store.get(target.resource, target.namespace, target.name) is None and not target.subresource:
                patch = {**patch, "metadata": {**patch.get("metadata", {}), "name": target.name}}
                return self.create(target, patch, options)
        return Written(
            HTTPStatus.OK, self._modify(target, lambda shown: patches.apply(shown, patch, content_type), options)
        )

    def delete(self, target: Target, body: Any, query: dict[str, str], options: Options) -> Written:
        wishes: Obj = {**query, **(body if isinstance(body, dict) else {})}
        current = self._existing(target)
        dry_run = options.dry_run or wishes.get("dryRun") in (["All"], "All")
        _check_delete(target, current, dig(wishes, "preconditions", default={}))
        if dry_run:
            return Written(HTTPStatus.OK, _gone(target, current))
        if target.resource is resources.PODS and self._terminate(current, wishes):
            return Written(HTTPStatus.OK, self._existing(target))
        if wishes.get("propagationPolicy") == "Orphan" or str(wishes.get("orphanDependents")).lower() == "true":
            self._orphan(current)
        self._store.delete(target.resource, target.namespace, target.name)
        return Written(HTTPStatus.OK, _gone(target, current))

    def _modify(self, target: Target, change: Callable[[Obj], Obj], options: Options) -> Obj:
        resource, current = target.resource, self._existing(target)
        facet = facet_of(resource, target.subresource)
        shown = facet.show(current)
        wanted = change(copy.deepcopy(shown))
        _check_update(target, shown, wanted)
        obj = self._absorbed(target, facet, current, wanted)
        return facet.show(self._store.update(resource, obj, dry_run=options.dry_run))

    def _absorbed(self, target: Target, facet: Facet, current: Obj, wanted: Obj) -> Obj:
        obj = facet.absorb(target.resource, current, wanted)
        if target.subresource != "status":
            return admission.admit(target.resource, copy.deepcopy(obj), current)
        settled: Obj = without_nulls(obj)
        shapes.check(target.resource, settled)
        return settled

    def _existing(self, target: Target) -> Obj:
        current = self._store.get(target.resource, target.namespace, target.name)
        if current is None:
            raise errors.not_found(target.resource, target.name)
        return current

    def _place(self, target: Target, meta: Obj) -> None:
        """Put a new object into the namespace of its path, which must exist and agree with the body."""
        if target.name and meta.get("name") != target.name:
            raise errors.bad_request("the name of the object does not match the name on the URL")
        if not target.resource.namespaced:
            meta.pop("namespace", None)
            return
        if meta.setdefault("namespace", target.namespace) != target.namespace:
            raise errors.bad_request(
                f"the namespace of the provided object does not match the namespace sent on the request: "
                f"{meta['namespace']} is not {target.namespace}"
            )
        if self._store.get(resources.NAMESPACES, "", target.namespace) is None:
            raise errors.not_found(resources.NAMESPACES, target.namespace)

    def _terminate(self, pod: Obj, wishes: Obj) -> bool:
        """Let a scheduled pod end gracefully (the kubelet removes it); False: it may go at once."""
        wished = wishes.get("gracePeriodSeconds", dig(pod, "spec", "terminationGracePeriodSeconds", default=30))
        if not str(wished).lstrip("-").isdecimal():
            raise errors.bad_request(f"invalid gracePeriodSeconds: {wished!r} is not a number")
        grace = int(wished)
        if grace <= 0 or not dig(pod, "spec", "nodeName"):
            return False
        if not is_deleting(pod):
            self._store.update(resources.PODS, terminating(pod, self._clock, grace))
        return True

    def _orphan(self, owner: Obj) -> None:
        for resource in (resources.REPLICASETS, resources.PODS):
            for obj in self._store.listed(resource, str(dig(owner, "metadata", "namespace", default=""))):
                references = dig(obj, "metadata", "ownerReferences", default=[])
                kept = [reference for reference in references if reference["uid"] != uid_of(owner)]
                if kept != references:
                    self._store.update(resource, {**obj, "metadata": {**obj["metadata"], "ownerReferences": kept}})


def terminating(pod: Obj, clock: Clock, grace: int) -> Obj:
    until = stamp(clock() + timedelta(seconds=grace))
    marks = {"deletionTimestamp": until, "deletionGracePeriodSeconds": grace}
    return {**pod, "metadata": {**pod["metadata"], **marks}}


def _check_update(target: Target, shown: Obj, wanted: Obj) -> None:
    meta, had = wanted.get("metadata") or {}, shown["metadata"]
    if not isinstance(meta, dict):
        raise errors.bad_request("metadata must be an object")
    if meta.get("name", had["name"]) != had["name"]:
        raise errors.bad_request("the name of the object does not match the name on the URL")
    if meta.get("namespace", target.namespace) != target.namespace:
        raise errors.bad_request("the namespace of the object does not match the namespace on the URL")
    if meta.get("uid") not in (None, "", had["uid"]):
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {had['uid']}"
        raise errors.conflict(target.resource, target.name, why)
    if meta.get("resourceVersion") not in (None, "", "0", had["resourceVersion"]):
        raise errors.stale(target.resource, target.name)
    wanted["metadata"] = meta


def _check_delete(target: Target, current: Obj, preconditions: Obj) -> None:
    for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted, had = preconditions.get(field), current["metadata"][field]
        if wanted not in (None, had):
            why = f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {had}"
            raise errors.conflict(target.resource, target.name, why)


def _gone(target: Target, current: Obj) -> Obj:
    details = {"name": name_of(current), "kind": target.resource.plural, "uid": uid_of(current)}
    if target.resource.group:
        details["group"] = target.resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
