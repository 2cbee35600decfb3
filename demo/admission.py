"""What a server does to an object before it keeps it: check its envelope, fill in defaults, refuse nonsense.

Defaults matter beyond looks: a pod template must read the same whether it came from a typed client, from YAML or from
a rollback, or the Deployment controller would see a new revision. The rules follow the real server as far as people
and kubectl run into them.
"""

import re
from typing import Any

from demo import errors, selectors, shapes
from demo.objects import Obj, dig, labels_of, letters, name_of, without_nulls
from demo.resources import Resource

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_SHARE = re.compile(r"[0-9]+%?")
_NAME_LENGTH = 253
Causes = list[tuple[str, str]]

_POD_DEFAULTS: Obj = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER_DEFAULTS: Obj = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def admit(resource: Resource, obj: Obj, current: Obj | None) -> Obj:
    """The object as it would be kept, or the refusal. Pure: the caller decides whether to keep it."""
    admitted: Obj = without_nulls(obj)
    admitted["apiVersion"], admitted["kind"] = resource.api_version, resource.kind
    admitted["metadata"].pop("managedFields", None)
    shapes.check(resource, admitted)
    causes: Causes = _metadata_causes(resource, admitted)
    if resource.plural in ("deployments", "replicasets"):
        causes += _workload_causes(admitted, current)
    if resource.plural == "pods":
        causes += _pod_causes(dig(admitted, "spec", default={}), "spec")
    if causes:
        raise errors.invalid(resource, name_of(admitted), causes)
    _fill_in(resource, admitted, current)
    return admitted


def check_envelope(resource: Resource, obj: Any) -> Obj:
    """The body as an object of this kind; anything else is a bad request."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata", {}), dict):
        raise errors.bad_request("the request body must be an object with metadata")
    given = (obj.get("apiVersion", resource.api_version), obj.get("kind", resource.kind))
    if given != (resource.api_version, resource.kind):
        raise errors.bad_request(
            f'{given[1]} in version "{given[0]}" cannot be handled as a {resource.kind}: '
            f"expected {resource.api_version} {resource.kind}"
        )
    return {**obj, "metadata": dict(obj.get("metadata") or {})}


def _metadata_causes(resource: Resource, obj: Obj) -> Causes:
    causes: Causes = []
    name, pattern = name_of(obj), _LABEL if resource.plural in ("namespaces", "services") else _SUBDOMAIN
    if not name:
        causes.append(("metadata.name", "Required value: name or generateName is required"))
    elif len(name) > _NAME_LENGTH or not pattern.fullmatch(name):
        rule = "must consist of lower case alphanumeric characters, '-' or '.'"
        causes.append(("metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain {rule}'))
    causes += [
        ("metadata.labels", f'Invalid value: "{value}": a valid label value is required')
        for value in labels_of(obj).values()
        if not _LABEL_VALUE.fullmatch(value)
    ]
    return causes


def _workload_causes(obj: Obj, current: Obj | None) -> Causes:
    spec = dig(obj, "spec", default={})
    selector, causes = dig(spec, "selector", default={}), _replica_causes(spec.get("replicas", 1))
    labels = dig(spec, "template", "metadata", "labels", default={})
    if not selector:
        causes.append(("spec.selector", "Required value"))
    elif not selectors.selects(selector, labels):
        causes.append(("spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`"))
    if current is not None and selector != current["spec"]["selector"]:
        causes.append(("spec.selector", "Invalid value: field is immutable"))
    rolling = dig(spec, "strategy", "rollingUpdate", default={})
    causes += [
        (f"spec.strategy.rollingUpdate.{field}", f"Invalid value: {value!r}: must be an integer or percentage")
        for field, value in rolling.items()
        if not _SHARE.fullmatch(str(value))
    ]
    return causes + _pod_causes(dig(spec, "template", "spec", default={}), "spec.template.spec")


def _replica_causes(replicas: int) -> Causes:
    if replicas >= 0:
        return []
    return [("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")]


def _pod_causes(spec: Obj, at: str) -> Causes:
    containers, causes, seen = dig(spec, "containers", default=[]), [], set()
    if not containers:
        causes.append((f"{at}.containers", "Required value"))
    for index, container in enumerate(containers):
        where, name = f"{at}.containers[{index}]", container.get("name", "")
        if not name:
            causes.append((f"{where}.name", "Required value"))
        elif not _LABEL.fullmatch(name):
            causes.append((f"{where}.name", f'Invalid value: "{name}": a lowercase RFC 1123 label is required'))
        elif name in seen:
            causes.append((f"{where}.name", f'Duplicate value: "{name}"'))
        if not container.get("image"):
            causes.append((f"{where}.image", "Required value"))
        seen.add(name)
    return causes


def _fill_in(resource: Resource, obj: Obj, current: Obj | None) -> None:
    spec = obj.get("spec")
    if resource.plural == "pods":
        _default_pod_spec(obj["spec"])
        obj.setdefault("status", {"phase": "Pending"})
    elif resource.plural in ("deployments", "replicasets") and isinstance(spec, dict):
        spec.setdefault("replicas", 1)
        _default_pod_spec(spec["template"]["spec"])
        if resource.plural == "deployments":
            _default_strategy(spec)
    elif resource.plural == "services" and isinstance(spec, dict):
        _default_service(obj, spec, current)
    elif resource.plural == "namespaces":
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name_of(obj)
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj.setdefault("status", {"phase": "Active"})


def _default_pod_spec(spec: Obj) -> None:
    for key, value in _POD_DEFAULTS.items():
        spec.setdefault(key, value)
    for container in spec["containers"]:
        for key, value in _CONTAINER_DEFAULTS.items():
            container.setdefault(key, value)
        image = container["image"].rpartition("/")[2]
        pinned = ":" in image and not image.endswith(":latest")
        container.setdefault("imagePullPolicy", "IfNotPresent" if pinned else "Always")
        for port in container.get("ports", []):
            port.setdefault("protocol", "TCP")


def _default_strategy(spec: Obj) -> None:
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")


def _default_service(obj: Obj, spec: Obj, current: Obj | None) -> None:
    for key, value in (("type", "ClusterIP"), ("sessionAffinity", "None"), ("internalTrafficPolicy", "Cluster")):
        spec.setdefault(key, value)
    if "clusterIP" not in spec:
        kept = dig(current, "spec", "clusterIP")
        seed = letters(f"{obj['metadata'].get('namespace')}/{name_of(obj)}", 2)
        spec["clusterIP"] = kept or f"10.96.{ord(seed[0])}.{ord(seed[1])}"
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {"loadBalancer": {}})
