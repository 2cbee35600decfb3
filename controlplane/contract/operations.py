"""The ports through which agents and workflows reach clusters. Implemented by controlplane.client and by a fake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from controlplane.contract import models


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name a call is made: a JWT from the token exchange and the request it belongs to."""

    token: str = field(repr=False)
    request_id: str


class Operations(Protocol):
    """Operations of the catalogue. Every method raises ControlPlaneError only."""

    async def read(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """The JSON answer of a reading operation. Lists have ``items``; logs ``lines`` and ``truncated``;
        a deployment's status and rollout are RolloutStatus fields.
        """

    async def preview(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> models.Preview:
        """Server-side dry run of a mutating operation; changes nothing."""

    async def execute(
        self, operation: str, parameters: Mapping[str, Any], caller: Caller, *, idempotency_key: str
    ) -> models.Outcome:
        """Do it. The caller's token must name the run and the digest that was approved."""


class TokenExchange(Protocol):
    """Short-lived user tokens in exchange for the bot credential and a verified identity."""

    async def for_person(self, person_id: str, *, workspace_id: str, session_id: str, surface: str) -> models.Token:
        """A token for reading and planning in the name of somebody the surface has verified."""

    async def for_step(self, run_id: str, *, step_id: str, digest: str = "") -> models.Token:
        """A token for one step of a run in the name of its requester; *digest* for a mutation."""
