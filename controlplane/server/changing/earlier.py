"""What became of earlier attempts under a key, and what may therefore be said of the mutation.

The port of effects has no look-up, so a claim on nothing is laid and withdrawn. A claim has no target: one that a
dying process left behind proves that it never called the cluster.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from controlplane.contract import errors
from controlplane.server.services import Services
from security import errors as security_errors
from security import ports

CLAIM_LIFETIME = 5.0


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts of one step of one run, known by their key."""

    services: Services
    run_id: str
    key: str

    async def earlier(self, fingerprint: str) -> ports.Effect | None:
        """The effect of an earlier attempt that may have called the cluster."""
        effect = await self.services.effects.start(self.effect(fingerprint, target_uid=""))
        if effect is not None and (effect.finished_at is not None or effect.target_uid):
            return effect
        if effect is not None:
            self._check_abandoned(effect)
        await self.services.effects.abandon(self.key)
        return None

    def effect(self, fingerprint: str, *, target_uid: str) -> ports.Effect:
        return ports.Effect(self.key, self.run_id, fingerprint, target_uid, self.services.clock(), None, None)

    @asynccontextmanager
    async def accounted(self) -> AsyncIterator[None]:
        """A refusal inside says that nothing happened only if no earlier attempt says otherwise."""
        try:
            yield
        except errors.ControlPlaneError as error:
            if error.happened is False and await self._any():
                error.happened = None
            raise
        except security_errors.AuditUnavailableError as error:
            refused = errors.ControlPlaneError(str(error), details={"status": 503})
            refused.happened = None if await self._any() else False
            raise refused from error

    async def _any(self) -> bool:
        if not self.run_id:
            return False  # a token without a run can have begun nothing
        async with self.services.one_per_key.held(self.key):
            try:
                return await self.earlier("") is not None
            except errors.RateLimitError:
                return True

    def _check_abandoned(self, claim: ports.Effect) -> None:
        """A claim is withdrawn within a moment; one of another process that is still young may be in use."""
        age = (self.services.clock() - claim.started_at).total_seconds()
        if age < CLAIM_LIFETIME:
            raise busy(CLAIM_LIFETIME - age)


def busy(retry_after: float = CLAIM_LIFETIME) -> errors.RateLimitError:
    error = errors.RateLimitError("Another attempt of this step is under way.", retry_after=retry_after)
    error.happened = None
    return error
