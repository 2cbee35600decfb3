"""What a mutating operation must be able to say and do; the order in which it happens is `execution`'s business."""

from collections.abc import Iterator
from typing import Any, Protocol

from controlplane.contract import models
from controlplane.server.look import Look


class Mutation(Protocol):
    async def preview(self, parameters: Any, look: Look) -> models.Preview:
        """A server-side dry run against the live object; changes nothing."""

    async def warnings(self, parameters: Any, look: Look, preview: models.Preview) -> tuple[str, ...]:
        """What speaks against it; no part of the digest."""

    async def send(self, parameters: Any, look: Look, preview: models.Preview) -> models.Target:
        """Do it, provided the object still is the one of the preview (ConflictError when not)."""

    def states_before(self, preview: models.Preview) -> Iterator[models.Preview]:
        """Previews that, had this operation just been done once, would have led to the object as it is."""
