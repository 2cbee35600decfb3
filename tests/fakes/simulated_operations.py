"""A simulated control plane for tests of planner and engine: deployments in memory, digests checked, faults on demand.

It refuses what the real one refuses (no consumed approval, drift) and is idempotent by key like the real one, so a
test that passes here says something. Every call that reaches the "cluster" is in ``journal``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controlplane.contract import canonical, errors, models
from controlplane.contract.operations import Caller
from security.permissions import allows, scoped
from security.ports import ApprovalLedger, RoleBindings


@dataclass(frozen=True)
class Deployment:
    replicas: int = 3
    uid: str = "uid-web"
    generation: int = 1
    resource_version: int = 100
    ready: int | None = None

    @property
    def available(self) -> int:
        return self.replicas if self.ready is None else self.ready


@dataclass
class SimulatedOperations:
    """*faults* maps an operation to errors raised by its next calls; an error tuple ``(error, True)`` is raised
    after the effect took place.
    """

    ledger: ApprovalLedger
    bindings: RoleBindings
    policy_version: str
    deployments: dict[tuple[str, str], Deployment] = field(
        default_factory=lambda: {("shop", "web"): Deployment(), ("staging", "web"): Deployment(1, "uid-staging")}
    )
    journal: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    finished: dict[str, models.Outcome] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _operation: None

    # --- tokens ---

    async def for_person(self, person_id: str, *, workspace_id: str, session_id: str, surface: str) -> models.Token:
        return await self._token({"sub": person_id, "workspace": workspace_id})

    async def for_step(self, run_id: str, *, step_id: str, digest: str = "") -> models.Token:
        self._fault("for_step")
        grant = await self.ledger.grant(run_id)
        if grant is None or (digest and not grant.covers(digest)):
            raise errors.PermissionDeniedError("no approval found")
        return await self._token(
            {"sub": grant.requester_id, "workspace": grant.workspace_id, "run": run_id, "digest": digest}
        )

    async def _token(self, claims: dict[str, str]) -> models.Token:
        name = f"token-{len(self.tokens)}"
        self.tokens[name] = claims
        held = await self.bindings.permissions_of(claims["sub"], claims["workspace"])
        return models.Token(access_token=name, expires_in=300, permissions=tuple(held))

    # --- operations ---

    async def read(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        parsed = canonical.parse(operation, parameters)
        await self._authorised(operation, parsed.namespace, caller)
        self._fault(operation)
        self.journal.append((operation, dict(parameters)))
        if operation == "list_deployments":
            names = [name for namespace, name in self.deployments if namespace == parsed.namespace]
            return {"items": [self._status(parsed.namespace, name) for name in names]}
        if operation in {"get_deployment_status", "watch_deployment"}:
            return self._status(parsed.namespace, parsed.model_dump()["deployment_name"])
        return {"items": [], "lines": []}

    async def preview(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> models.Preview:
        parsed = canonical.parse(operation, parameters)
        await self._authorised(operation, parsed.namespace, caller)
        self._fault(f"preview:{operation}")
        return self._preview(operation, parsed)

    async def execute(
        self, operation: str, parameters: Mapping[str, Any], caller: Caller, *, idempotency_key: str
    ) -> models.Outcome:
        self.before(operation)
        parsed = canonical.parse(operation, parameters)
        claims = await self._authorised(operation, parsed.namespace, caller)
        if idempotency_key in self.finished:
            return self.finished[idempotency_key].model_copy(update={"already": True})
        preview = self._preview(operation, parsed)
        digest = canonical.operation_digest_of(
            preview, workspace_id=claims["workspace"], requester=claims["sub"], policy_version=self.policy_version
        )
        if digest != claims.get("digest"):
            raise errors.DriftError
        after = self._fault(operation)
        self.journal.append((operation, dict(parameters)))
        key = (parsed.namespace, parsed.model_dump()["deployment_name"])
        old = self.deployments[key]
        self.deployments[key] = replace(
            old,
            replicas=parsed.model_dump()["replicas"],
            generation=old.generation + 1,
            resource_version=old.resource_version + 1,
        )
        outcome = models.Outcome(operation=operation, target=preview.target, changes=preview.changes)
        self.finished[idempotency_key] = outcome
        if after is not None:
            raise after
        return outcome

    def calls(self, operation: str) -> int:
        return sum(1 for name, _ in self.journal if name == operation)

    def _fault(self, operation: str) -> Exception | None:
        """Raise the next fault of an operation; a fault for after the effect is returned instead."""
        queue = self.faults.get(operation) or []
        if not queue:
            return None
        fault = queue.pop(0)
        if isinstance(fault, tuple):
            return fault[0]
        raise fault

    async def _authorised(self, operation: str, namespace: str, caller: Caller) -> dict[str, str]:
        claims = self.tokens[caller.token]
        held = await self.bindings.permissions_of(claims["sub"], claims["workspace"])
        needed = scoped(canonical.catalogue.find(operation).permission, namespace)
        if not allows(held, needed):
            raise errors.PermissionDeniedError(f"You need {needed}.")
        return claims

    def _preview(self, operation: str, parsed: models.NamespacedParameters) -> models.Preview:
        wanted = parsed.model_dump()
        live = self._deployment(parsed.namespace, wanted["deployment_name"])
        target = models.Target(
            kind="Deployment",
            namespace=parsed.namespace,
            name=wanted["deployment_name"],
            uid=live.uid,
            generation=live.generation,
            resource_version=str(live.resource_version),
        )
        change = models.Change(path="spec.replicas", before=live.replicas, after=wanted["replicas"])
        return models.Preview(
            operation=operation,
            cluster="demo",
            parameters=canonical.dump(parsed),
            target=target,
            changes=(change,) if live.replicas != wanted["replicas"] else (),
        )

    def _deployment(self, namespace: str, name: str) -> Deployment:
        found = self.deployments.get((namespace, name))
        if found is None:
            near = [one for where, one in self.deployments if where == namespace]
            raise errors.NotFoundError(f"There is no deployment {name} in {namespace}.", details={"did_you_mean": near})
        return found

    def _status(self, namespace: str, name: str) -> dict[str, Any]:
        one = self._deployment(namespace, name)
        done = one.available == one.replicas
        return models.RolloutStatus(
            name=name,
            namespace=namespace,
            uid=one.uid,
            generation=one.generation,
            observed_generation=one.generation,
            resource_version=str(one.resource_version),
            desired=one.replicas,
            replicas=one.replicas,
            updated=one.replicas,
            ready=one.available,
            available=one.available,
            unavailable=one.replicas - one.available,
            state="complete" if done else "progressing",
            images=("nginx:1.27",),
        ).model_dump(mode="json")
