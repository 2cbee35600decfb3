"""The port behind which clusters are: a handful of verbs on raw JSON, each with its own deadline.

Objects are plain dictionaries exactly as the API server sent them, because typed models drop fields they do not
know. Which object is meant is a `Ref`, never a path glued together by a caller. Every method raises
ControlPlaneError only, with ``happened`` set for what is known: False when the cluster surely did nothing.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import quote

from controlplane.contract import errors

MERGE_PATCH = "application/merge-patch+json"


class ExpiredError(errors.ControlPlaneError):
    """The watch is too old for the cluster. Read the object again and watch from there."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A kind of object, one object, or one of its subresources. *version* is ``v1`` or ``apps/v1``."""

    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def named(self, name: str, subresource: str = "") -> "Ref":
        return replace(self, name=name, subresource=subresource)

    @property
    def path(self) -> str:
        parts = ["apis" if "/" in self.version else "api", *self.version.split("/")]
        if self.namespace:
            parts += ["namespaces", self.namespace]
        parts += [part for part in (self.plural, self.name, self.subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.plural} {self.name}{where}" if self.name else f"{self.plural}{where}"


def pods(namespace: str) -> Ref:
    return Ref("v1", "pods", namespace)


def events(namespace: str) -> Ref:
    return Ref("v1", "events", namespace)


def deployments(namespace: str) -> Ref:
    return Ref("apps/v1", "deployments", namespace)


NAMESPACES = Ref("v1", "namespaces")


class Cluster(Protocol):
    """One Kubernetes API server."""

    @property
    def name(self) -> str: ...

    async def get(self, ref: Ref, *, timeout: float) -> dict[str, Any]: ...

    async def list(
        self, ref: Ref, *, label_selector: str = "", field_selector: str = "", limit: int = 0, timeout: float
    ) -> dict[str, Any]:
        """A list object; with a *limit* it may end early and then has ``metadata.continue``."""

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        content_type: str = MERGE_PATCH,
        dry_run: bool = False,
        timeout: float,
    ) -> dict[str, Any]: ...

    async def logs(
        self,
        ref: Ref,
        *,
        container: str = "",
        tail_lines: int,
        limit_bytes: int,
        previous: bool = False,
        timeout: float,
    ) -> bytes:
        """The log of one container of a pod, as the cluster sent it."""

    def watch(
        self, ref: Ref, *, resource_version: str, field_selector: str = "", timeout: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Events ``{type, object}`` until *timeout*, which ends the iteration; raises ExpiredError on 410."""

    async def versions(self, group: str, *, timeout: float) -> tuple[str, ...]:
        """Versions of an API group the cluster serves, preferred first; empty when it does not have the group."""

    async def version(self, *, timeout: float) -> str:
        """The version of the cluster, such as ``v1.30.2``."""

    async def close(self) -> None: ...
