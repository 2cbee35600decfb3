"""From a URL path to the thing it names."""

from dataclasses import dataclass

from demo import resources
from demo.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path names; an empty name means the collection, an empty namespace all of them (or none)."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> Target | None:
    """The target of `/api/v1/...` or `/apis/<group>/<version>/...`; None when no known resource is named."""
    parts = path.strip("/").split("/")
    if parts[:1] == ["api"] and len(parts) > 2:  # noqa: PLR2004 - prefix, version, resource
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:  # noqa: PLR2004 - prefix, group, version, resource
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and resources.find(group, version, rest[2]):  # noqa: PLR2004
        namespace, rest = rest[1], rest[2:]
    resource = resources.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or bool(namespace) > resource.namespaced:  # noqa: PLR2004 - with subresource
        return None
    name, subresource = [*rest[1:], "", ""][:2]
    if subresource and subresource not in resource.subresources:
        return None
    if name and resource.namespaced and not namespace:
        return None
    return Target(resource=resource, namespace=namespace, name=name, subresource=subresource)
