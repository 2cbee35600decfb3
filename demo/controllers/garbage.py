"""What belongs to nobody any more goes: dependants of deleted owners, and everything in a deleted namespace."""

from demo import resources
from demo.objects import Clock, Obj, dig, is_deleting, name_of, namespace_of, uid_of
from demo.resources import Resource
from demo.store import Change, Store
from demo.writing import terminating

_OWNERS = {"Deployment": resources.DEPLOYMENTS, "ReplicaSet": resources.REPLICASETS}
_DEPENDANTS = (resources.REPLICASETS, resources.PODS)


class Garbage:
    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def collect(self, resource: Resource, namespace: str, name: str) -> float | None:
        """Remove one object if its owner or its namespace is gone."""
        obj = self._store.get(resource, namespace, name)
        if obj is None:
            return None
        if self._store.get(resources.NAMESPACES, "", namespace) is None or self._is_orphan(obj):
            self._remove(resource, obj)
        return None

    def dependants(self, resource: Resource, change: Change) -> list[tuple[str, str]]:
        """The objects of a kind that a deletion concerns."""
        if change.type != "DELETED":
            return []
        found = self._store.listed(resource)
        if change.resource == resources.NAMESPACES.key:
            return [(namespace_of(obj), name_of(obj)) for obj in found if namespace_of(obj) == name_of(change.object)]
        gone = uid_of(change.object)
        return [(namespace_of(obj), name_of(obj)) for obj in found if gone in _owner_uids(obj)]

    def _is_orphan(self, obj: Obj) -> bool:
        references = dig(obj, "metadata", "ownerReferences", default=[])
        return bool(references) and not any(self._lives(namespace_of(obj), reference) for reference in references)

    def _lives(self, namespace: str, reference: Obj) -> bool:
        resource = _OWNERS.get(reference["kind"])
        if resource is None:
            return True  # a kind this cluster does not have: leave it alone
        owner = self._store.get(resource, namespace, reference["name"])
        return owner is not None and uid_of(owner) == reference["uid"]

    def _remove(self, resource: Resource, obj: Obj) -> None:
        if resource is resources.PODS and dig(obj, "spec", "nodeName"):
            if not is_deleting(obj):
                self._store.update(resource, terminating(obj, self._clock, 30))
            return
        self._store.delete(resource, namespace_of(obj), name_of(obj))


def _owner_uids(obj: Obj) -> set[str]:
    return {reference["uid"] for reference in dig(obj, "metadata", "ownerReferences", default=[])}
