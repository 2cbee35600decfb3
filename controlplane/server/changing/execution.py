"""One mutation, from an approved digest to a recorded effect, never twice.

The order is the point. The grant is looked up, the live object is previewed again and its digest compared with the
approved one; the effect is recorded as started and the audit trail says so; only then is the cluster called. An
attempt that was cut off is recognised by its key: an object that still is as approved is changed now, one that is
exactly one generation further and as wanted was changed by that attempt, and anything else is for a human.
Attempts under one key wait for each other in this process; of those in two processes the resource version lets
one through.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.contract import canonical, errors, models
from controlplane.server.changing.earlier import Attempts, busy
from controlplane.server.changing.mutation import Mutation
from controlplane.server.changing.record import Record
from controlplane.server.look import Look
from controlplane.server.services import Services
from security import digests, ports, tokens
from security import errors as security_errors

ATTEMPTS = 4
NO_APPROVAL = "no approval found"


@dataclass(frozen=True, slots=True)
class Execution:
    """*record* already names operation and caller; *look* is the cluster the request resolved to."""

    services: Services
    mutation: Mutation
    parameters: models.NamespacedParameters
    look: Look
    claims: tokens.Claims
    attempts: Attempts
    record: Record

    async def run(self) -> models.Outcome:
        async with self.services.one_per_key.held(self.attempts.key):
            return await self._run()

    async def _run(self) -> models.Outcome:
        self.record.details.update(
            cluster=self.look.cluster_name,
            parameters=canonical.dump(self.parameters),
            digest=self.claims.digest,
            step=self.claims.step,
            key=self.attempts.key,
        )
        grant = await self._grant()
        fingerprint = self._fingerprint()
        earlier = await self.attempts.earlier(fingerprint)
        if earlier is not None and earlier.fingerprint != fingerprint:
            await self.record.write("refused", "denied", reason="key_reused")
            raise errors.InvalidRequestError("This Idempotency-Key was used for a different operation.")
        if earlier is not None and earlier.finished_at is not None:
            await self.record.write("repeated", "done")
            return models.Outcome.model_validate(earlier.result).model_copy(update={"already": True})
        if earlier is not None:
            return await self._resume(grant, earlier)
        return await self._begin(grant, fingerprint)

    async def _grant(self) -> ports.Grant:
        claims = self.claims
        grant = await self.services.ledger.grant(claims.run) if claims.run and claims.digest else None
        held = (
            grant is not None
            and grant.covers(claims.digest)
            and (grant.workspace_id, grant.requester_id) == (claims.workspace, claims.sub)
        )
        if grant is None or not held:
            await self.record.write("refused", "denied", reason="no_approval")
            raise errors.PermissionDeniedError(f"Nothing was changed: {NO_APPROVAL}.", details={"reason": NO_APPROVAL})
        return grant

    def _fingerprint(self) -> str:
        return digests.sha256(
            {
                "operation": self.record.operation,
                "cluster": self.look.cluster_name,
                "workspace": self.claims.workspace,
                "parameters": canonical.dump(self.parameters),
                "digest": self.claims.digest,
            }
        )

    async def _begin(self, grant: ports.Grant, fingerprint: str) -> models.Outcome:
        preview = await self._look_at()
        if not await self._is_approved(preview, grant):
            raise await self._drifted(preview)
        if not preview.changes:
            await self.record.write("done", "done", reason="no_change")
            return self._outcome(preview, preview.target, already=False)
        effect = self.attempts.effect(fingerprint, target_uid=preview.target.uid)
        if await self.services.effects.start(effect) is not None:
            raise busy()
        await self._write_started(preview)
        return await self._send(preview, grant, resumed=False)

    async def _resume(self, grant: ports.Grant, earlier: ports.Effect) -> models.Outcome:
        """An earlier attempt was cut off: look what became of it."""
        preview = await self._look_at_the_result()
        if preview.target.uid == earlier.target_uid:
            if preview.changes and await self._is_approved(preview, grant):
                await self.record.write("started", "started", reason="resumed")
                return await self._send(preview, grant, resumed=True)
            done = await self._recognised(preview, grant)
            if done is not None:
                return await self._finish(self._outcome(done, preview.target, already=True))
        raise await self._doubtful(preview)

    async def _send(self, preview: models.Preview, grant: ports.Grant, *, resumed: bool) -> models.Outcome:
        """Call the cluster; when the object moved in between, look again and go on only if it still is as approved."""
        for _ in range(ATTEMPTS):
            try:
                target = await self.mutation.send(self.parameters, self.look, preview)
            except errors.ConflictError as error:
                moved = await self._look_again()
                done = await self._recognised(moved, grant) if resumed else None
                if done is not None:
                    return await self._finish(self._outcome(done, moved.target, already=True))
                if not await self._is_approved(moved, grant):
                    raise await self._moved_away(moved, resumed=resumed) from error
                preview = moved
            except errors.ControlPlaneError as error:
                raise await self._failed(error) from error
            else:
                self.services.checkpoint("after_effect")
                return await self._finish(self._outcome(preview, target, already=False))
        raise await self._failed(errors.ConflictError("The object changes too often to be changed safely. Try again."))

    async def _moved_away(self, moved: models.Preview, *, resumed: bool) -> errors.ConflictError:
        if resumed:
            return await self._doubtful(moved)
        await self.services.effects.abandon(self.attempts.key)
        return await self._drifted(moved)

    async def _look_at(self) -> models.Preview:
        try:
            return await self.mutation.preview(self.parameters, self.look)
        except errors.ControlPlaneError as error:
            error.happened = False  # a dry run changes nothing
            await self.record.write("failed", "failed", reason=str(error))
            raise

    async def _look_at_the_result(self) -> models.Preview:
        try:
            return await self.mutation.preview(self.parameters, self.look)
        except errors.ControlPlaneError as error:
            error.happened = None  # an earlier attempt is unaccounted for, and this look did not tell
            await self.record.write_after("in_doubt", "in_doubt", reason=str(error))
            raise

    async def _look_again(self) -> models.Preview:
        """After a refused send: nothing of it happened, whatever this look ends with."""
        try:
            return await self.mutation.preview(self.parameters, self.look)
        except errors.ControlPlaneError as error:
            error.happened = False
            raise await self._failed(error) from error

    async def _is_approved(self, preview: models.Preview, grant: ports.Grant) -> bool:
        """Whether the live preview has the approved digest, generations made by this run itself left out."""
        own = await self.services.effects.finished_on(self.claims.run, preview.target.uid)
        return any(self._digests_alike(preview, grant, count) for count in {0, own})

    def _digests_alike(self, preview: models.Preview, grant: ports.Grant, own_changes: int) -> bool:
        live = canonical.operation_digest_of(
            preview,
            workspace_id=self.claims.workspace,
            requester=self.claims.sub,
            policy_version=grant.policy_version,
            own_changes=own_changes,
        )
        return hmac.compare_digest(live, self.claims.digest)

    async def _recognised(self, preview: models.Preview, grant: ports.Grant) -> models.Preview | None:
        """The approved preview, if the object is what doing it once has left."""
        own = await self.services.effects.finished_on(self.claims.run, preview.target.uid)
        for before in self.mutation.states_before(preview):
            if any(self._digests_alike(before, grant, count) for count in {0, own}):
                return before
        return None

    async def _write_started(self, preview: models.Preview) -> None:
        try:
            await self.record.write("started", "started", **_told(preview))
        except security_errors.AuditUnavailableError:
            await self.services.effects.abandon(self.attempts.key)
            raise

    async def _finish(self, outcome: models.Outcome) -> models.Outcome:
        await self.services.effects.finish(
            self.attempts.key, at=self.services.clock(), result=outcome.model_dump(mode="json")
        )
        changes = [change.model_dump(mode="json") for change in outcome.changes]
        await self.record.write_after("done", "done", target=outcome.target.identity(), changes=changes)
        return outcome

    async def _failed(self, error: errors.ControlPlaneError) -> errors.ControlPlaneError:
        """What to raise for an error of the cluster: known not to have happened, or in doubt."""
        if error.happened is False:
            await self.services.effects.abandon(self.attempts.key)
            await self.record.write("failed", "failed", reason=str(error))
            return error
        await self.record.write_after("in_doubt", "in_doubt", reason=str(error))
        return type(error)(f"{error} The change may have happened; the same key finds out.", details=error.details)

    async def _drifted(self, preview: models.Preview) -> errors.DriftError:
        await self.record.write("refused", "denied", reason="drift", **_told(preview))
        target, changes = preview.target, [change.model_dump(mode="json") for change in preview.changes]
        now = "; ".join(f"{change.path} would go from {change.before} to {change.after}" for change in preview.changes)
        return errors.DriftError(
            f"{target.kind} {target.name} in {target.namespace} is not what was approved, so nothing was changed. "
            f"It is at generation {target.generation}; {now or 'it already is as asked'}.",
            details={"target": target.model_dump(mode="json"), "changes": changes},
        )

    async def _doubtful(self, preview: models.Preview) -> errors.InDoubtError:
        await self.record.write_after("in_doubt", "in_doubt", reason="not recognised", **_told(preview))
        target = preview.target
        return errors.InDoubtError(
            f"An earlier attempt on {target.kind} {target.name} in {target.namespace} was cut off, and the object is "
            f"neither as approved nor as that attempt would have left it. Look at it, then decide.",
            details={"target": target.model_dump(mode="json")},
        )

    def _outcome(self, done: models.Preview, target: models.Target, *, already: bool) -> models.Outcome:
        return models.Outcome(operation=self.record.operation, target=target, changes=done.changes, already=already)


def _told(preview: models.Preview) -> Mapping[str, Any]:
    changes = [change.model_dump(mode="json") for change in preview.changes]
    return {"target": preview.target.identity(), "changes": changes}
