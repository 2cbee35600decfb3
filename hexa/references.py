"""What one part of hexa.yaml says of another: names that are used must exist, names that identify must be unique.

The checks read plain data, not models, so they work on a file that has other problems and everything is reported at
once. Whatever has the wrong shape is passed over here; the models report it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from controlplane.contract.catalogue import CATALOGUE
from hexa.marks import Document, Path
from security import policies
from security.permissions import SHIPPED_ROLES


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value at *path* that does not fit the rest of the file."""

    path: Path
    cause: str
    fix: str


def mistakes(document: Document, *, kubeconfig_given: bool) -> Iterator[Mistake]:
    data = document.data if isinstance(document.data, dict) else {}
    yield from _unique(document, _values(data, "workspaces", "id"), "workspace id")
    yield from _unique(document, _values(data, "clusters", "name"), "cluster name")
    yield from _unique(document, _values(data, "users", "id"), "person id")
    yield from _unique(document, _values(data, "users", "email"), "e-mail")
    yield from _unique(
        document, _values(_mapping(data.get("policies")), "rules", "name", under="policies"), "rule name"
    )
    yield from _roles(data)
    yield from _held(data)
    yield from _clusters(data, kubeconfig_given=kubeconfig_given)
    yield from _workspaces(data)
    yield from _policies(data)


def meant(name: str, known: Iterable[str]) -> str:
    """``use one of a, b`` with the nearest first named, for a fix."""
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    return f"did you mean “{near[0]}”?" if near else f"use one of {', '.join(names)}" if names else "define it first"


def _unique(document: Document, found: Iterable[tuple[Path, str]], what: str) -> Iterator[Mistake]:
    first: dict[str, Path] = {}
    for path, value in found:
        same = first.setdefault(value.lower(), path)
        if same != path:
            cause = f"the {what} “{value}” is used twice (first on line {document.line(same)})"
            yield Mistake(path, cause, f"give each its own {what}")


def _roles(data: dict[str, Any]) -> Iterator[Mistake]:
    for name in _mapping(data.get("roles")):
        if name in SHIPPED_ROLES:
            yield Mistake(("roles", name), f"the role “{name}” is shipped and cannot be redefined", "use another name")


def _held(data: dict[str, Any]) -> Iterator[Mistake]:
    roles = {*SHIPPED_ROLES, *_mapping(data.get("roles"))}
    workspaces = _workspace_ids(data)
    for path, user in _items(data, "users"):
        for inner, held in _items(user, "roles"):
            where = (*path, *inner)
            role, workspace = held.get("role"), held.get("workspace", "")
            if isinstance(role, str) and role not in roles:
                yield Mistake((*where, "role"), f"there is no role “{role}”", meant(role, roles))
            if not workspace and len(workspaces) > 1:
                yield Mistake(where, "says no workspace, and there are several", 'add workspace: ID, or "*" for all')
            if workspace and isinstance(workspace, str) and workspace not in {*workspaces, "*"}:
                cause = f"there is no workspace “{workspace}”"
                yield Mistake((*where, "workspace"), cause, meant(workspace, workspaces))


def _clusters(data: dict[str, Any], *, kubeconfig_given: bool) -> Iterator[Mistake]:
    known = {value for _, value in _values(data, "clusters", "name")}
    for path, workspace in _items(data, "workspaces"):
        for index, name in enumerate(_strings(workspace.get("clusters"))):
            if name not in known:
                yield Mistake((*path, "clusters", index), f"there is no cluster “{name}”", meant(name, known))
    for path, cluster in _items(data, "clusters"):
        if cluster.get("kubeconfig") and cluster.get("in_cluster") is True:
            yield Mistake(path, "has both kubeconfig and in_cluster", "keep the one that is meant")
        if not cluster.get("kubeconfig") and cluster.get("in_cluster") is not True and not kubeconfig_given:
            fix = "add kubeconfig: PATH or in_cluster: true, or set KUBECONFIG"
            yield Mistake(path, "says neither kubeconfig nor in_cluster", fix)


def _workspaces(data: dict[str, Any]) -> Iterator[Mistake]:
    known = _workspace_ids(data)
    slack = _mapping(data.get("slack"))
    for section in ("teams", "channels"):
        for key, name in _mapping(slack.get(section)).items():
            if isinstance(name, str) and name not in known:
                yield Mistake(("slack", section, key), f"there is no workspace “{name}”", meant(name, known))


def _policies(data: dict[str, Any]) -> Iterator[Mistake]:
    clusters = [cluster for _, cluster in _items(data, "clusters")]
    environments = {
        policies.environment_name(value)
        for cluster in clusters
        for value in _mapping(cluster.get("environments")).values()
        if isinstance(value, str)
    }
    known = {
        "operations": {name for name, operation in CATALOGUE.items() if operation.mutating},
        "clusters": {value for _, value in _values(data, "clusters", "name")},
        "environments": environments | {policies.PROD},
    }
    for path, rule in _items(_mapping(data.get("policies")), "rules"):
        match = _mapping(rule.get("match"))
        for key, names in known.items():
            for index, pattern in enumerate(_strings(match.get(key))):
                wanted = policies.environment_name(pattern) if key == "environments" else pattern
                if not any(fnmatchcase(name, wanted) for name in names):
                    where = ("policies", *path, "match", key, index)
                    cause = f"“{pattern}” matches none of the {key}, so the rule would never apply"
                    yield Mistake(where, cause, meant(pattern, names))


def _workspace_ids(data: dict[str, Any]) -> set[str]:
    return {value for _, value in _values(data, "workspaces", "id")} or {"default"}


def _items(data: Mapping[str, Any], key: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    items = data.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (key, index), item


def _values(data: Mapping[str, Any], key: str, name: str, *, under: str = "") -> Iterator[tuple[Path, str]]:
    prefix: Path = (under,) if under else ()
    for path, item in _items(data, key):
        if isinstance(item.get(name), str):
            yield (*prefix, *path, name), item[name]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
