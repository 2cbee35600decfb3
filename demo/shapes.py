"""What the decoder of a typed server would refuse, as a small table of shapes; there are no full schemas here.

Only fields that the server itself or its controllers read are listed; others may hold anything. A name ending in `!`
must be there, `*` stands for all names.
"""

from datetime import datetime
from typing import Any

from demo import errors
from demo.objects import Obj
from demo.resources import Resource

MAX_INT32 = 2**31 - 1
_TEXTS = {"*": str}
_NUMBER_OR_TEXT = (int, str)
_REFERENCE = {"apiVersion": str, "kind!": str, "name!": str, "uid!": str, "controller": bool}
_META = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), str),
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "ownerReferences": [_REFERENCE],
    "finalizers": [str],
}
_SELECTOR = {"matchLabels": _TEXTS, "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}]}
_CONTAINER = {
    "name": str,
    "image": str,
    "env": [{"name!": str, "value": str}],
    "ports": [{"containerPort!": int, "name": str, "protocol": str}],
    "resources": {"requests": {"*": _NUMBER_OR_TEXT}, "limits": {"*": _NUMBER_OR_TEXT}},
}
_POD_SPEC = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "nodeName": str,
    "nodeSelector": _TEXTS,
    "restartPolicy": str,
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": int,
}
_ROLLING = {"maxSurge": _NUMBER_OR_TEXT, "maxUnavailable": _NUMBER_OR_TEXT}
_WORKLOAD = {
    **dict.fromkeys(("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), int),
    "paused": bool,
    "selector": _SELECTOR,
    "strategy": {"type": str, "rollingUpdate": _ROLLING},
    "template": {"metadata": _META, "spec": _POD_SPEC},
}
_PORT = {"port!": int, "name": str, "protocol": str}
_SERVICE = {
    "type": str,
    "clusterIP": str,
    "clusterIPs": [str],
    "externalIPs": [str],
    "selector": _TEXTS,
    "ports": [{**_PORT, "targetPort": _NUMBER_OR_TEXT}],
}
_ADDRESS = {"ip!": str, "nodeName": str}
_SUBSET = {"addresses": [_ADDRESS], "notReadyAddresses": [_ADDRESS], "ports": [_PORT]}
_INVOLVED = dict.fromkeys(("kind", "namespace", "name", "uid", "apiVersion", "fieldPath"), str)
_COUNTS = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "unavailableReplicas")
_CONDITION = {"type!": str, "status!": str, "reason": str, "message": str}
_TIMED = {**_CONDITION, "lastTransitionTime!": datetime, "lastUpdateTime": datetime}
_WORKLOAD_STATUS = {**dict.fromkeys((*_COUNTS, "observedGeneration"), int), "conditions": [_TIMED]}
_RAN = {"exitCode": int, "reason": str, "startedAt!": datetime, "finishedAt!": datetime}
_STATE = {"waiting": {"reason": str}, "running": {"startedAt!": datetime}, "terminated": _RAN}
_CONTAINER_STATUS = {
    "name!": str,
    "image!": str,
    "ready!": bool,
    "restartCount!": int,
    "state!": _STATE,
    "lastState": {"terminated": _RAN},
}
_POD_STATUS = {"phase": str, "podIP": str, "conditions": [_TIMED], "containerStatuses": [_CONTAINER_STATUS]}
_SHAPES: dict[str, Obj] = {
    "deployments.apps": {"spec!": _WORKLOAD, "status": _WORKLOAD_STATUS},
    "replicasets.apps": {"spec!": _WORKLOAD, "status": _WORKLOAD_STATUS},
    "pods": {"spec!": _POD_SPEC, "status": _POD_STATUS},
    "services": {"spec!": _SERVICE},
    "endpoints": {"subsets": [_SUBSET]},
    "configmaps": {"data": _TEXTS, "binaryData": _TEXTS},
    "secrets": {"type": str, "data": _TEXTS, "stringData": _TEXTS},
    "nodes": {
        "spec": {"podCIDR": str, "unschedulable": bool},
        "status": {"conditions": [_CONDITION], "addresses": [{"type!": str, "address!": str}], "nodeInfo": _TEXTS},
    },
    "namespaces": {"spec": {"finalizers": [str]}, "status": {"phase": str}},
    "events": {
        **dict.fromkeys(("type", "reason", "message"), str),
        **dict.fromkeys(("firstTimestamp", "lastTimestamp"), datetime),
        "count": int,
        "involvedObject": _INVOLVED,
        "source": _TEXTS,
    },
}
_WORDS = {str: "string", int: "int32", bool: "bool", list: "array", dict: "object", float: "number"}


def check(resource: Resource, obj: Obj) -> None:
    """Refuse an object whose fields have the wrong type."""
    shape = {"metadata": _META, **_SHAPES.get(resource.key, {})}
    if problem := _problem(obj, shape, ""):
        raise refusal(resource.kind, resource.version, problem)


def check_count(value: Any, kind: str) -> None:
    if problem := _problem(value, int, ".spec.replicas"):
        raise refusal(kind, "v1", problem)


def refusal(kind: str, version: str, problem: str) -> errors.ApiError:
    return errors.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {problem}')


def _problem(value: Any, shape: Any, at: str) -> str | None:
    """The first thing that does not fit, in a decoder's words."""
    if isinstance(shape, dict):
        return _map_problem(value, shape, at)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _mismatch(value, at, "array")
        found = (_problem(item, shape[0], at) for item in value)
        return next((problem for problem in found if problem), None)
    if shape is datetime:
        return None if _is_moment(value) else _mismatch(value, at, "time")
    wanted = shape if isinstance(shape, tuple) else (shape,)
    fits = type(value) in wanted and (type(value) is not int or -MAX_INT32 - 1 <= value <= MAX_INT32)
    return None if fits else _mismatch(value, at, _WORDS[wanted[0]])


def _is_moment(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _map_problem(value: Any, shape: Obj, at: str) -> str | None:
    if not isinstance(value, dict):
        return _mismatch(value, at, "object")
    for name, inner in shape.items():
        key = name.rstrip("!")
        members = list(value.items()) if key == "*" else [(key, value[key])] if key in value else []
        if not members and name.endswith("!"):
            return f"required field {at}.{key} is missing"
        for member, item in members:
            if problem := _problem(item, inner, f"{at}.{member}"):
                return problem
    return None


def _mismatch(value: Any, at: str, wanted: str) -> str:
    given = f"number {value}" if type(value) is int else _WORDS.get(type(value), "null")
    return f"json: cannot unmarshal {given} into Go struct field {at} of type {wanted}"
