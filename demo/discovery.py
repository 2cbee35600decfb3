"""What a client asks before it asks for anything: groups, resources, version, health, and just enough OpenAPI.

kubectl needs from OpenAPI one document per group version, with a PATCH operation per kind that names its
group-version-kind and the `fieldValidation` parameter; then it leaves validation to the server.
"""

from collections.abc import Iterator
from itertools import groupby

from demo.objects import Obj
from demo.resources import RESOURCES, Resource

GIT_VERSION = "v1.32.4"
REVIEWS = {"selfsubjectaccessreviews": "SelfSubjectAccessReview", "subjectaccessreviews": "SubjectAccessReview"}
PUBLIC = ("/healthz", "/readyz", "/livez", "/version")
"""Paths that need no token."""
_EXTRA_GROUPS = ("authorization.k8s.io",)


def document(path: str) -> Obj | str | None:
    """The discovery document or health word at a path; None when there is none."""
    path = path.rstrip("/")
    if path in PUBLIC[:3]:
        return "ok"
    fixed = {"/version": version, "/api": core_versions, "/apis": groups, "/openapi/v3": openapi_index}
    if path in fixed:
        return fixed[path]()
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3/"))
    if path == "/api/v1":
        return _resource_list("", "v1")
    parts = path.split("/")[1:]
    known = [group["name"] for group in groups()["groups"]]
    if parts[0] != "apis" or len(parts) not in (2, 3) or parts[1] not in known:
        return None
    if len(parts) == 2:  # noqa: PLR2004 - /apis/<group>
        return _group(parts[1])
    return _resource_list(parts[1], "v1") if parts[2] == "v1" else None


def version() -> Obj:
    return {
        "major": "1",
        "minor": "32",
        "gitVersion": f"{GIT_VERSION}+demo",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2025-04-22T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def core_versions() -> Obj:
    return {"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> Obj:
    names = sorted({resource.group for resource in RESOURCES if resource.group} | set(_EXTRA_GROUPS))
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_bare_group(name) for name in names]}


def _bare_group(name: str) -> Obj:
    served = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _group(name: str) -> Obj:
    return {"kind": "APIGroup", "apiVersion": "v1", **_bare_group(name)}


def _resource_list(group: str, version: str) -> Obj:
    listed: list[Obj] = []
    for resource in RESOURCES:
        if (resource.group, resource.version) == (group, version):
            listed.extend(_entries(resource))
    if group == "authorization.k8s.io":
        listed = [
            {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
            for plural, kind in REVIEWS.items()
        ]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _entries(resource: Resource) -> Iterator[Obj]:
    entry: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    for key, value in (("shortNames", resource.short_names), ("categories", resource.categories)):
        if value:
            entry[key] = list(value)
    yield entry
    for subresource in resource.subresources:
        part: Obj = {
            "name": f"{resource.plural}/{subresource}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": ["get"] if subresource == "log" else ["get", "patch", "update"],
        }
        if subresource == "scale":
            part |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        yield part


def openapi_index() -> Obj:
    paths = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={GIT_VERSION}"} for path, _ in _by_group_version()}
    return {"paths": paths}


def _by_group_version() -> Iterator[tuple[str, list[Resource]]]:
    for prefix, found in groupby(sorted(RESOURCES, key=_prefix), key=_prefix):
        yield prefix, list(found)


def _prefix(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def _openapi(prefix: str) -> Obj | None:
    found = dict(_by_group_version()).get(prefix)
    if found is None:
        return None
    paths = {}
    for resource in found:
        place = "/namespaces/{namespace}" if resource.namespaced else ""
        paths[f"/{prefix}{place}/{resource.plural}/{{name}}"] = {"patch": _patch_operation(resource)}
    info = {"title": "Hexa demo cluster", "version": GIT_VERSION}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _patch_operation(resource: Resource) -> Obj:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    names = ("dryRun", "fieldManager", "fieldValidation")
    return {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": kind,
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names],
        "responses": {"200": {"description": "OK"}},
    }
