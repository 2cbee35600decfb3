"""Reading and building the parts every Kubernetes object has: metadata, owners, timestamps, conditions.

Objects are plain JSON dictionaries. An object that came out of the store is never changed in place: copy it first,
because watchers and the history hold the same dictionary.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]
Clock = Callable[[], datetime]

# Kubernetes leaves vowels and look-alikes out of generated names.
SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def now_utc() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def dig(obj: Any, *path: str, default: Any = None) -> Any:
    """The value at a nested path, or the default when any part of the path is missing or not a map."""
    for part in path:
        if not isinstance(obj, dict) or obj.get(part) is None:
            return default
        obj = obj[part]
    return obj


def name_of(obj: Obj) -> str:
    return str(dig(obj, "metadata", "name", default=""))


def namespace_of(obj: Obj) -> str:
    return str(dig(obj, "metadata", "namespace", default=""))


def uid_of(obj: Obj) -> str:
    return str(dig(obj, "metadata", "uid", default=""))


def labels_of(obj: Obj) -> dict[str, str]:
    labels: dict[str, str] = dig(obj, "metadata", "labels", default={})
    return labels


def annotations_of(obj: Obj) -> dict[str, str]:
    annotations: dict[str, str] = dig(obj, "metadata", "annotations", default={})
    return annotations


def is_deleting(obj: Obj) -> bool:
    return dig(obj, "metadata", "deletionTimestamp") is not None


def controller_of(obj: Obj) -> Obj | None:
    return next((ref for ref in dig(obj, "metadata", "ownerReferences", default=[]) if ref.get("controller")), None)


def is_controlled_by(obj: Obj, owner: Obj) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference.get("uid") == uid_of(owner)


def owner_reference(owner: Obj) -> Obj:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(obj: Obj, kind: str) -> Obj | None:
    return next((item for item in dig(obj, "status", "conditions", default=[]) if item.get("type") == kind), None)


def is_true(obj: Obj, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"


def set_condition(status: Obj, wanted: Obj, at: str) -> None:
    """Put a condition into a status in place; the transition time moves only when its status changes."""
    conditions: list[Obj] = status.setdefault("conditions", [])
    old = next((item for item in conditions if item["type"] == wanted["type"]), None)
    moved = old is None or old.get("status") != wanted["status"]
    since = at if moved or old is None else old.get("lastTransitionTime", at)
    fresh = {**wanted, "lastTransitionTime": wanted.get("lastTransitionTime", since)}
    if old is None:
        conditions.append(fresh)
    else:
        conditions[conditions.index(old)] = fresh


def without_nulls(value: Any) -> Any:
    """The value without null members, as typed clients send `creationTimestamp: null` and mean nothing by it."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def letters(seed: str, length: int) -> str:
    """Letters fit for a name, the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(SAFE_ALPHABET[byte % len(SAFE_ALPHABET)] for byte in digest[:length])


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
