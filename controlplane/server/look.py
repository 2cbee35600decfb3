"""What a reading or changing operation has in its hands, and what it says when an object is not there.

A missing name is answered with names close to it, but only such as the caller may list.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.contract import errors
from controlplane.server.clusters import port
from security import permissions

READ_TIMEOUT = 10.0
SUGGESTIONS = 3
_LIST_PERMISSION = {"pods": "pods.get", "deployments": "deployments.get"}


@dataclass(frozen=True, slots=True)
class Look:
    """A cluster by its resolved name, the permission that let the caller in, and everything the caller holds."""

    cluster: port.Cluster
    cluster_name: str
    permission: str
    held: Sequence[str]
    redact: Callable[[str], str]
    clock: Callable[[], datetime]

    async def get(self, ref: port.Ref) -> dict[str, Any]:
        """One object; a missing one is answered with what it may have been meant to be."""
        try:
            return await self.cluster.get(ref, timeout=READ_TIMEOUT)
        except errors.NotFoundError as error:
            raise await self.missing(ref) from error

    async def items(
        self, ref: port.Ref, *, label_selector: str = "", field_selector: str = "", limit: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """Objects and whether there are more; an empty answer is checked for a namespace that does not exist."""
        listed = await self.cluster.list(
            ref, label_selector=label_selector, field_selector=field_selector, limit=limit, timeout=READ_TIMEOUT
        )
        items = listed.get("items") or []
        if not items:
            await self._check_namespace(ref.namespace)
        return items, bool((listed.get("metadata") or {}).get("continue"))

    async def missing(self, ref: port.Ref) -> errors.NotFoundError:
        await self._check_namespace(ref.namespace)
        near = close(ref.name, await self._names(ref))
        kind = ref.plural.removesuffix("s")
        return _not_found(f"There is no {kind} {ref.name} in {ref.namespace} of cluster {self.cluster_name}.", near)

    async def _check_namespace(self, namespace: str) -> None:
        try:
            await self.cluster.get(port.NAMESPACES.named(namespace), timeout=READ_TIMEOUT)
        except errors.NotFoundError as error:
            near = close(namespace, await self._namespaces())
            message = f"There is no namespace {namespace} in cluster {self.cluster_name}."
            raise _not_found(message, near) from error
        except errors.PermissionDeniedError:
            return  # the cluster lets Hexa see what is in the namespace, not the namespace itself

    async def _namespaces(self) -> list[str]:
        try:
            listed = await self.cluster.list(port.NAMESPACES, timeout=READ_TIMEOUT)
        except errors.PermissionDeniedError:
            return []
        names = [name_of(one) for one in listed.get("items") or []]
        return [one for one in names if permissions.allows(self.held, permissions.scoped(self.permission, one))]

    async def _names(self, ref: port.Ref) -> list[str]:
        needed = _LIST_PERMISSION.get(ref.plural, "")
        if not needed or not permissions.allows(self.held, permissions.scoped(needed, ref.namespace)):
            return []
        listed = await self.cluster.list(ref.named(""), timeout=READ_TIMEOUT)
        return [name_of(one) for one in listed.get("items") or []]


def name_of(thing: dict[str, Any]) -> str:
    return str((thing.get("metadata") or {}).get("name", ""))


def close(wanted: str, names: Sequence[str]) -> list[str]:
    """Names that begin with the wanted one (a pod of that deployment), then similar ones."""
    begin = [name for name in names if name.startswith(wanted)]
    similar = difflib.get_close_matches(wanted, names, n=SUGGESTIONS)
    return list(dict.fromkeys([*begin, *similar]))[:SUGGESTIONS]


def _not_found(message: str, near: list[str]) -> errors.NotFoundError:
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return errors.NotFoundError(message + hint, details={"did_you_mean": near})
