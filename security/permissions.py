"""Permissions are ``<resource>.<verb>:<namespace>``; ``*`` stands for every resource, verb or namespace.

``deployments.scale:shop`` allows scaling in ``shop`` only, ``pods.logs:*`` reading logs everywhere and
``*:*`` everything. Nothing is implied: a right to scale does not include the right to read.
"""

from collections.abc import Iterable, Mapping, Sequence

from security import subjects

READ = ("pods.get", "pods.logs", "events.get", "deployments.get")

SHIPPED_ROLES: Mapping[str, tuple[str, ...]] = {
    "viewer": READ,
    "operator": (*READ, "deployments.scale", "deployments.restart", "deployments.rollback", "deployments.deploy"),
    "approver": (*READ, "approvals.decide"),
    "admin": ("*",),
}

DECIDE = "approvals.decide"


def scoped(permission: str, namespace: str) -> str:
    """The permission needed in one namespace: ``scoped("pods.get", "shop") == "pods.get:shop"``."""
    return permission if ":" in permission else f"{permission}:{namespace}"


def allows(held: Iterable[str], needed: str) -> bool:
    """Whether any held permission covers the needed one; a needed permission without namespace means all."""
    action, _, namespace = needed.partition(":")
    return any(_covers(one, action, namespace or "*") for one in held)


def allows_all(held: Sequence[str], needed: Iterable[str]) -> bool:
    return all(allows(held, one) for one in needed)


def effective(
    bindings: Iterable[subjects.RoleBinding], *, workspace_id: str, roles: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """The permissions that role bindings give in a workspace, sorted, each with its namespace."""
    found: set[str] = set()
    for binding in bindings:
        if binding.workspace_id not in (workspace_id, "*"):
            continue
        for permission in roles.get(binding.role, ()):
            found.update(scoped(permission, namespace) for namespace in binding.namespaces)
    return tuple(sorted(found))


def _covers(held: str, action: str, namespace: str) -> bool:
    held_action, _, held_namespace = held.partition(":")
    if held_namespace not in ("", "*", namespace):
        return False
    if held_action in ("*", action):
        return True
    resource, _, verb = held_action.partition(".")
    needed_resource, _, needed_verb = action.partition(".")
    return (resource == "*" and verb == needed_verb) or (verb == "*" and resource == needed_resource)
