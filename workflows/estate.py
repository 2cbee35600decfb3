"""The workspaces and the clusters each may use, as configured."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Workspace:
    """The first cluster is the one meant when a request names none."""

    id: str
    clusters: tuple[str, ...]

    def cluster(self, name: str) -> str | None:
        """The cluster meant by *name*; None when this workspace has no such cluster."""
        if not name:
            return self.clusters[0] if self.clusters else None
        return name if name in self.clusters else None


Estate = Mapping[str, Workspace]
