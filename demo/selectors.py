"""Label and field selectors as the query string writes them, compiled into predicates over objects."""

import re
from collections.abc import Callable, Mapping

from demo import errors
from demo.objects import Obj, dig, labels_of
from demo.resources import Resource

Predicate = Callable[[Obj], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<verb>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<verb>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^\s!=,()]+)$")

_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
    "events": (
        *(f"involvedObject.{part}" for part in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")),
        "involvedObject.resourceVersion",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "replicasets.apps": ("status.replicas",),
}


def labels(text: str) -> Predicate:
    """The predicate for a label selector such as `app=web,tier in (a, b),!canary`."""
    terms = [_label_term(part) for part in _split(text)]
    return lambda obj: all(term(labels_of(obj)) for term in terms)


def fields(text: str, resource: Resource) -> Predicate:
    """The predicate for a field selector; fields a real server does not index are refused, as there."""
    known = {"metadata.name", "metadata.namespace", *_FIELDS.get(resource.key, ())}
    terms: list[tuple[str, bool, str]] = []
    for part in _split(text):
        found = _EQUAL.match(part)
        if found is None:
            raise errors.bad_request(f"invalid field selector {part!r}: expected field=value or field!=value")
        if found["key"] not in known:
            raise errors.bad_request(f"field label not supported: {found['key']}")
        terms.append((found["key"], found["verb"] != "!=", found["value"]))
    return lambda obj: all((_field(obj, key) == value) is equal for key, equal, value in terms)


def selects(selector: Mapping[str, object], having: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object (matchLabels, matchExpressions) selects these labels."""
    exact = dig(dict(selector), "matchLabels", default={})
    if any(having.get(key) != value for key, value in exact.items()):
        return False
    return all(_expression(item, having) for item in dig(dict(selector), "matchExpressions", default=[]))


def text_of(selector: Mapping[str, object]) -> str:
    """A LabelSelector object in the form of the query string, as a scale's status tells it."""
    parts = [f"{key}={value}" for key, value in sorted(dig(dict(selector), "matchLabels", default={}).items())]
    for item in dig(dict(selector), "matchExpressions", default=[]):
        values = ",".join(sorted(item.get("values") or []))
        words = {"Exists": item["key"], "DoesNotExist": f"!{item['key']}"}
        parts.append(words.get(item["operator"], f"{item['key']} {item['operator'].lower()} ({values})"))
    return ",".join(parts)


def _expression(item: Obj, having: Mapping[str, str]) -> bool:
    present, value = item["key"] in having, having.get(item["key"])
    match item.get("operator"):
        case "In":
            return present and value in item.get("values", [])
        case "NotIn":
            return value not in item.get("values", [])
        case "Exists":
            return present
        case _:
            return not present


def _split(text: str) -> list[str]:
    """Split at commas that stand outside parentheses."""
    parts = re.split(r",(?![^(]*\))", text)
    return [part.strip() for part in parts if part.strip()]


def _label_term(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(part):
        key, wanted = found["key"], found["verb"] == "in"
        values = {value.strip() for value in found["values"].split(",")}
        return lambda having: (having.get(key) in values) is wanted
    if found := _EQUAL.match(part):
        key, wanted, value = found["key"], found["verb"] != "!=", found["value"]
        return lambda having: (having.get(key) == value) is wanted
    if found := _EXISTS.match(part):
        key, wanted = found["key"], not found["absent"]
        return lambda having: (key in having) is wanted
    raise errors.bad_request(f"unable to parse requirement: {part!r} is not a label selector")


def _field(obj: Obj, key: str) -> str:
    if key in ("source", "reportingComponent"):
        return str(dig(obj, "source", "component", default=""))
    value = dig(obj, *key.split("."), default="")
    return str(value).lower() if isinstance(value, bool) else str(value)
