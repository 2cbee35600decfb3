"""Objects as the rows kubectl prints: the columns of the real server for the kinds this one knows.

Pure functions of the object and the present moment. A column with priority 1 appears with `-o wide`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from demo.objects import Obj, dig, is_deleting, is_true, moment_of, name_of
from demo.resources import Resource

Cells = list[Any]
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def table(resource: Resource, items: list[Obj], now: datetime, include: str, meta: Obj) -> Obj:
    """A meta.k8s.io/v1 Table; *include* says how much of each object goes along: None, Metadata or Object."""
    columns, cells = _LAYOUTS.get(resource.qualified, _PLAIN)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [_column(column) for column in columns],
        "rows": [{"cells": cells(item, now), **_carried(item, include)} for item in items],
    }


def partial(obj: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _carried(obj: Obj, include: str) -> Obj:
    if include == "None":
        return {}
    return {"object": obj if include == "Object" else partial(obj)}


def _column(text: str) -> Obj:
    """`Name`, `Restarts:integer` or, shown with -o wide only, `+Images`."""
    name, _, kind = text.lstrip("+").partition(":")
    return {
        "name": name,
        "type": kind or "string",
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": int(text.startswith("+")),
    }


def duration(span: timedelta) -> str:
    """How kubectl writes an age: 45s, 3m10s, 12m, 5h20m, 2d3h, 12d, 2y."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return "0s"
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    steps = ((10, _MINUTE, "m", 1, "s"), (180, _MINUTE, "m", 0, ""), (8, _HOUR, "h", _MINUTE, "m"))
    later = ((48, _HOUR, "h", 0, ""), (8, _DAY, "d", _HOUR, "h"), (730, _DAY, "d", 0, ""))
    for limit, unit, letter, part, part_letter in (*steps, *later):
        if seconds < limit * unit:
            rest = (seconds % unit) // part if part else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{part_letter}" if rest else "")
    return f"{seconds // (365 * _DAY)}y"


def age(obj: Obj, now: datetime) -> str:
    return _since(dig(obj, "metadata", "creationTimestamp"), now)


def _since(text: str | None, now: datetime) -> str:
    return duration(now - moment_of(text)) if text else "<unknown>"


def _pairs(pairs: Obj | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or "<none>"


def _pod(pod: Obj, now: datetime) -> Cells:
    statuses: list[Obj] = dig(pod, "status", "containerStatuses", default=[])
    ready = sum(bool(status.get("ready")) for status in statuses)
    addresses = (dig(pod, "status", "podIP", default="<none>"), dig(pod, "spec", "nodeName", default="<none>"))
    return [
        name_of(pod),
        f"{ready}/{len(pod['spec']['containers'])}",
        pod_state(pod),
        _restarts(statuses, now),
        age(pod, now),
        *addresses,
        "<none>",
        "<none>",
    ]


def pod_state(pod: Obj) -> str:
    """The word in kubectl's STATUS column."""
    if is_deleting(pod):
        return "Terminating"
    word = str(dig(pod, "status", "reason") or dig(pod, "status", "phase", default="Unknown"))
    for status in dig(pod, "status", "containerStatuses", default=[]):
        for state in ("waiting", "terminated"):
            word = dig(status, "state", state, "reason", default=word)
    return word


def _restarts(statuses: list[Obj], now: datetime) -> str:
    count = sum(status.get("restartCount", 0) for status in statuses)
    ended = [dig(status, "lastState", "terminated", "finishedAt") for status in statuses]
    last = max((text for text in ended if text), default=None)
    return f"{count} ({_since(last, now)} ago)" if count and last else str(count)


def _images(spec: Obj) -> Cells:
    containers = dig(spec, "template", "spec", "containers", default=[])
    names, images = (",".join(container[key] for container in containers) for key in ("name", "image"))
    return [names, images, _pairs(dig(spec, "selector", "matchLabels"))]


def _deployment(obj: Obj, now: datetime) -> Cells:
    status = obj.get("status", {})
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    ready = f"{status.get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}"
    return [name_of(obj), ready, *counts, age(obj, now), *_images(obj["spec"])]


def _replicaset(obj: Obj, now: datetime) -> Cells:
    status = obj.get("status", {})
    counts = [obj["spec"].get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [name_of(obj), *counts, age(obj, now), *_images(obj["spec"])]


def _service(obj: Obj, now: datetime) -> Cells:
    spec = obj["spec"]
    ports = ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in spec.get("ports", []))
    outside = ",".join(spec.get("externalIPs", [])) or "<none>"
    inside = spec.get("clusterIP") or "<none>"
    return [name_of(obj), spec["type"], inside, outside, ports or "<none>", age(obj, now), _pairs(spec.get("selector"))]


def _endpoints(obj: Obj, now: datetime) -> Cells:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets", [])
        for port in subset.get("ports", [])
        for address in subset.get("addresses", [])
    ]
    shown = ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")  # noqa: PLR2004
    return [name_of(obj), shown or "<none>", age(obj, now)]


def _node(obj: Obj, now: datetime) -> Cells:
    ready = "Ready" if is_true(obj, "Ready") else "NotReady"
    if dig(obj, "spec", "unschedulable"):
        ready += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = [key.removeprefix(prefix) for key in dig(obj, "metadata", "labels", default={}) if key.startswith(prefix)]
    info = dig(obj, "status", "nodeInfo", default={})
    addresses = dig(obj, "status", "addresses", default=[])
    inside = next((item["address"] for item in addresses if item["type"] == "InternalIP"), "<none>")
    wide = [info.get(key, "<unknown>") for key in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    version = info.get("kubeletVersion", "")
    return [name_of(obj), ready, ",".join(sorted(roles)) or "<none>", age(obj, now), version, inside, "<none>", *wide]


def _event(obj: Obj, now: datetime) -> Cells:
    involved = obj.get("involvedObject") or obj.get("regarding", {})
    source = obj.get("source") or obj.get("deprecatedSource", {})
    count = obj.get("count") or obj.get("deprecatedCount", 1)
    about = f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"
    origin = ", ".join(part for part in (source.get("component"), source.get("host")) if part)
    created = dig(obj, "metadata", "creationTimestamp")
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or created
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or first
    message = (obj.get("message") or obj.get("note") or "").strip()
    head = [_since(last, now), obj.get("type", ""), obj.get("reason", ""), about, message]
    return [*head, involved.get("fieldPath", ""), origin, _since(first, now), count, name_of(obj)]


_WORKLOAD_WIDE = ("+Containers", "+Images", "+Selector")
_NODE_WIDE = ("+Internal-IP", "+External-IP", "+OS-Image", "+Kernel-Version", "+Container-Runtime")
_PLAIN: tuple[tuple[str, ...], Callable[[Obj, datetime], Cells]] = (
    ("Name", "Age"),
    lambda obj, now: [name_of(obj), age(obj, now)],
)
_EVENT_COLUMNS = ("Last Seen", "Type", "Reason", "Object", "Message")
_EVENT_WIDE = ("+Subobject", "+Source", "+First Seen", "+Count:integer", "+Name")
_LAYOUTS: dict[str, tuple[tuple[str, ...], Callable[[Obj, datetime], Cells]]] = {
    "pods": (
        ("Name", "Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node", "+Readiness Gates"),
        _pod,
    ),
    "deployments.apps": (
        ("Name", "Ready", "Up-to-date:integer", "Available:integer", "Age", *_WORKLOAD_WIDE),
        _deployment,
    ),
    "replicasets.apps": (
        ("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", *_WORKLOAD_WIDE),
        _replicaset,
    ),
    "services": (("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "+Selector"), _service),
    "endpoints": (("Name", "Endpoints", "Age"), _endpoints),
    "namespaces": (
        ("Name", "Status", "Age"),
        lambda obj, now: [name_of(obj), dig(obj, "status", "phase", default="Active"), age(obj, now)],
    ),
    "configmaps": (
        ("Name", "Data:integer", "Age"),
        lambda obj, now: [name_of(obj), len(obj.get("data", {})) + len(obj.get("binaryData", {})), age(obj, now)],
    ),
    "secrets": (
        ("Name", "Type", "Data:integer", "Age"),
        lambda obj, now: [name_of(obj), obj.get("type", "Opaque"), len(obj.get("data", {})), age(obj, now)],
    ),
    "nodes": (
        ("Name", "Status", "Roles", "Age", "Version", *_NODE_WIDE),
        _node,
    ),
    "events": ((*_EVENT_COLUMNS, *_EVENT_WIDE), _event),
    "events.events.k8s.io": ((*_EVENT_COLUMNS, *_EVENT_WIDE), _event),
}
