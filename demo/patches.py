"""The four patch languages: JSON patch, JSON merge patch, strategic merge, and server-side apply.

Strategic merge knows the lists it must merge by key from a table of field names rather than from schemas; apply is
create-or-merge by the same rules and keeps no managed fields. Inputs are never changed.
"""

import copy
import json
from typing import Any

import yaml

from demo import errors
from demo.objects import Obj

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
ACCEPTED = f"{JSON_PATCH}, {MERGE}, {STRATEGIC}, {APPLY}"

# Field name -> the keys by which items may be told apart; the first that the items carry is taken.
_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "conditions": ("type",),
    "addresses": ("type",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "taints": ("key",),
    "topologySpreadConstraints": ("topologyKey",),
}
_MERGED_SETS = ("finalizers",)


def apply(document: Obj, patch: Any, content_type: str) -> Obj:
    """The document after the patch."""
    if content_type == JSON_PATCH:
        return json_patch(document, patch)
    if not isinstance(patch, dict):
        raise errors.bad_request("the patch must be an object")
    return merge(document, patch) if content_type == MERGE else strategic(document, patch)


def parse(body: bytes, content_type: str) -> Any:
    if content_type not in ACCEPTED.split(", "):
        raise errors.unsupported_media_type(content_type, ACCEPTED)
    try:
        return yaml.safe_load(body) if content_type == APPLY else json.loads(body)
    except (ValueError, yaml.YAMLError) as cause:
        raise errors.bad_request(f"error decoding patch: {cause}") from cause


def merge(document: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def strategic(document: Obj, patch: Obj) -> Obj:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    merged = dict(document)
    for key, value in patch.items():
        if not key.startswith("$"):
            _strategic_member(merged, key, value)
    _follow_directives(merged, patch)
    return merged


def _strategic_member(merged: Obj, key: str, value: Any) -> None:
    old = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        merged[key] = strategic(old if isinstance(old, dict) else {}, value)
    elif isinstance(value, list):
        merged[key] = _strategic_list(key, old if isinstance(old, list) else [], value)
    else:
        merged[key] = value


def _strategic_list(field: str, old: list[Any], patch: list[Any]) -> list[Any]:
    key = _merge_key(field, [*old, *patch])
    if field in _MERGED_SETS:
        return [*old, *(item for item in patch if item not in old)]
    if key is None:
        return copy.deepcopy(patch)
    if any(item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    merged = list(old)
    for item in patch:
        at = next((index for index, had in enumerate(merged) if had.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            merged = [had for had in merged if had.get(key) != item.get(key)]
        elif at is None:
            merged.append(strategic({}, item))
        else:
            merged[at] = strategic(merged[at], item)
    return merged


def _merge_key(field: str, items: list[Any]) -> str | None:
    if not all(isinstance(item, dict) for item in items):
        return None
    bare = [item for item in items if set(item) != {"$patch"}]
    return next((key for key in _MERGE_KEYS.get(field, ()) if all(key in item for item in bare)), None)


def _follow_directives(merged: Obj, patch: Obj) -> None:
    for directive, value in patch.items():
        word, _, field = directive.partition("/")
        if word == "$deleteFromPrimitiveList" and isinstance(merged.get(field), list):
            merged[field] = [item for item in merged[field] if item not in value]
        elif word == "$setElementOrder" and isinstance(merged.get(field), list):
            merged[field] = _ordered(field, merged[field], value)
        elif word == "$retainKeys":
            for key in set(merged) - set(value):
                del merged[key]


def _ordered(field: str, items: list[Any], order: list[Any]) -> list[Any]:
    key = _merge_key(field, [*items, *order])
    places = [item.get(key) if key else item for item in order]

    def place(item: Any) -> int:
        value = item.get(key) if key else item
        return places.index(value) if value in places else len(places)

    return sorted(items, key=place)


def json_patch(document: Obj, operations: Any) -> Obj:
    if not isinstance(operations, list):
        raise errors.bad_request("a JSON patch is a list of operations")
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        try:
            _operate(root, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as cause:
            at = operation.get("path") if isinstance(operation, dict) else operation
            message = f"the server rejected our request due to an error in our request: cannot apply patch at {at}"
            raise errors.ApiError(422, "Invalid", message) from cause
    return root[""]


def _operate(root: Obj, operation: Obj) -> None:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            _put(root, path, copy.deepcopy(operation["value"]), insert=True)
        case "replace":
            _look(root, path)
            _put(root, path, copy.deepcopy(operation["value"]), insert=False)
        case "remove":
            _take(root, path)
        case "move":
            _put(root, path, _take(root, _pointer(operation["from"])), insert=True)
        case "copy":
            _put(root, path, copy.deepcopy(_look(root, _pointer(operation["from"]))), insert=True)
        case "test":
            if _look(root, path) != operation["value"]:
                raise ValueError("test failed")
        case unknown:
            raise ValueError(unknown)


def _pointer(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _look(root: Any, path: list[str]) -> Any:
    for part in path:
        root = root[int(part)] if isinstance(root, list) else root[part]
    return root


def _put(root: Any, path: list[str], value: Any, *, insert: bool) -> None:
    parent, last = _look(root, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    elif insert:
        if not 0 <= int(last) <= len(parent):
            raise IndexError(last)
        parent.insert(int(last), value)
    else:
        parent[int(last)] = value


def _take(root: Any, path: list[str]) -> Any:
    parent, last = _look(root, path[:-1]), path[-1]
    return parent.pop(int(last) if isinstance(parent, list) else last)
