"""The planner: a request becomes a plan with permissions checked, validation done and a server-side dry run.

Nothing is changed here. Reading steps that wait for no change run as they will run later, so that what is impossible
is refused before anybody is asked; their warnings go onto the card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.agent import BaseAgent, next_step
from agents.ports import Refused, Request
from controlplane.contract import canonical, models
from controlplane.contract import errors as cp
from controlplane.contract.catalogue import CATALOGUE
from controlplane.contract.operations import Caller, Operations
from security import digests, permissions, policies
from security.subjects import SecurityContext
from workflows import errors, expressions, risks, runs
from workflows.estate import Estate
from workflows.template import StepTemplate, Template

NO_CHANGE = "NO_CHANGE"
_CODES: tuple[tuple[type[cp.ControlPlaneError], str], ...] = (
    (cp.PermissionDeniedError, "PERMISSION_DENIED"),
    (cp.InvalidRequestError, "INVALID_PARAMETERS"),
    (cp.NotFoundError, "NOT_FOUND"),
)


class RefusedError(Exception):
    """The request cannot become a plan."""

    def __init__(self, code: str, message: str, next_step: str = "", **details: Any) -> None:
        super().__init__(message)
        self.refused = Refused(code, message, next_step, details)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Where a plan applies, and its template with the variables it is rendered from."""

    template: Template
    variables: Mapping[str, Any]
    cluster: str
    namespace: str
    environment: str


class Planner:
    def __init__(
        self,
        *,
        templates: Mapping[str, Template],
        agents: Mapping[str, BaseAgent],
        operations: Operations,
        policy: policies.PolicySet,
        estate: Estate,
    ) -> None:
        self._templates = templates
        self._agents = agents
        self._operations = operations
        self._policy = policy
        self._estate = estate

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._templates)

    @property
    def policy_version(self) -> str:
        return self._policy.version

    async def plan(self, request: Request, context: SecurityContext, *, replaces: str = "") -> runs.Plan | Refused:
        """A plan whose digests cover what the dry run showed, or why there is none."""
        try:
            scene = self._scene(request, context)
            self._permit(scene, context)
            warnings = await self._preflight(scene, context)
            steps = [await self._step(step, scene, context) for step in scene.template.steps]
            return self._assemble(request, scene, steps, warnings, context, replaces)
        except RefusedError as refusal:
            return refusal.refused
        except errors.ExpressionError as problem:
            return Refused("INVALID_PARAMETERS", str(problem))
        except cp.ControlPlaneError as problem:
            return _refused_by_control_plane(problem)

    async def drifted(self, plan: runs.Plan, caller: Caller) -> list[models.Preview]:
        """Fresh previews of the changing steps that no longer match their digest; raises ControlPlaneError."""
        moved = []
        for step in plan.steps:
            if step.mutating:
                preview = await self._preview(step.action, step.parameters, plan.workspace_id, caller)
                if self._digest(preview, plan.workspace_id, plan.requester_id) != step.digest:
                    moved.append(preview)
        return moved

    def ruling(self, plan: runs.Plan) -> policies.Ruling:
        """What policy asks for this plan now; the environment too is the one of today's configuration."""
        environment = self._policy.environment(plan.cluster, plan.namespace)
        rulings = [
            self._policy.ruling(step.action, environment, plan.namespace, plan.cluster)
            for step in plan.steps
            if step.mutating
        ]
        return policies.strictest(rulings)

    def _scene(self, request: Request, context: SecurityContext) -> _Scene:
        template = self._templates.get(request.workflow)
        if template is None:
            raise RefusedError("WORKFLOW_NOT_FOUND", f"There is no workflow {request.workflow}.")
        if problems := template.problems_with(request.parameters):
            raise RefusedError("INVALID_PARAMETERS", f"{template.name}: {'; '.join(problems)}.")
        workspace = self._estate.get(context.workspace_id)
        cluster = workspace.cluster(request.scope.cluster) if workspace else None
        if workspace is None or cluster is None:
            known = ", ".join(workspace.clusters) if workspace else ""
            name = request.scope.cluster or "(none named)"
            raise RefusedError(
                "UNKNOWN_CLUSTER", f"There is no cluster {name} here.", f"Known clusters: {known or 'none'}."
            )
        namespace = request.scope.namespace
        if not namespace:
            raise RefusedError("MISSING_PARAMETERS", "Which namespace?", "Name it, for example: in shop.")
        variables = {**request.parameters, "namespace": namespace, "cluster": cluster}
        return _Scene(template, variables, cluster, namespace, self._policy.environment(cluster, namespace))

    def _permit(self, scene: _Scene, context: SecurityContext) -> None:
        needed = {permissions.scoped(one, scene.namespace) for step in scene.template.steps for one in _needs(step)}
        missing = sorted(one for one in needed if not permissions.allows(context.permissions, one))
        if missing:
            raise RefusedError(
                "PERMISSION_DENIED",
                f"You may not do this: you need {', '.join(missing)}.",
                "Ask somebody with that role, or ask an admin for it.",
                missing=missing,
            )

    async def _preflight(self, scene: _Scene, context: SecurityContext) -> list[str]:
        """Run the reading steps that come before any change; returns their warnings."""
        later = {step.id for step in scene.template.steps if _mutating(step)}
        warnings: list[str] = []
        for step in scene.template.steps:
            if step.id in later or later & set(step.depends_on) or expressions.inputs_in(step.parameters):
                later.add(step.id)
                continue
            task = {**_scope(scene), **expressions.render(step.parameters, scene.variables), "action": step.action}
            result = await self._agents[step.agent].execute(task, context)
            if not result.success:
                raise RefusedError(
                    result.error_code or "VALIDATION_FAILED",
                    result.message,
                    next_step(result.message, str(result.metadata.get("kind", "")), result.metadata),
                    **{name: value for name, value in result.metadata.items() if name == "did_you_mean"},
                )
            warnings += result.data.get("warnings", [])
        return warnings

    async def _step(self, step: StepTemplate, scene: _Scene, context: SecurityContext) -> runs.PlannedStep:
        parameters = {**_scope(scene), **expressions.render_known(step.parameters, scene.variables)}
        planned = runs.PlannedStep(
            **step.model_dump(exclude={"parameters"}), parameters=parameters, mutating=_mutating(step)
        )
        if not planned.mutating:
            return planned
        caller = Caller(token=context.jwt_token, request_id=context.request_id)
        preview = await self._preview(step.action, parameters, context.workspace_id, caller)
        digest = self._digest(preview, context.workspace_id, context.user_id)
        return planned.model_copy(update={"preview": preview, "digest": digest})

    async def _preview(
        self, operation: str, parameters: Mapping[str, Any], workspace_id: str, caller: Caller
    ) -> models.Preview:
        fields = CATALOGUE[operation].parameters.model_fields
        wire = {name: value for name, value in parameters.items() if name in fields}
        return await self._operations.preview(operation, {**wire, "workspace_id": workspace_id}, caller)

    def _digest(self, preview: models.Preview, workspace_id: str, requester: str) -> str:
        return canonical.operation_digest_of(
            preview, workspace_id=workspace_id, requester=requester, policy_version=self._policy.version
        )

    def _assemble(
        self,
        request: Request,
        scene: _Scene,
        steps: Sequence[runs.PlannedStep],
        warnings: Sequence[str],
        context: SecurityContext,
        replaces: str,
    ) -> runs.Plan:
        previews = [step.preview for step in steps if step.preview is not None]
        if previews and not any(preview.changes for preview in previews):
            target = previews[0].target
            what = f"{target.kind} {target.name} in {target.namespace}"
            raise RefusedError(NO_CHANGE, f"Nothing to do: {what} is already as you ask.")
        risk, reasons = risks.assess(previews, scene.environment)
        operations = [step.digest for step in steps if step.mutating]
        digest = digests.plan_digest(
            operations, workspace_id=context.workspace_id, workflow=request.workflow, requester=context.user_id
        )
        template = scene.template
        return runs.Plan(
            workflow=request.workflow,
            title=str(expressions.render(template.title or template.name, scene.variables)),
            verb=str(expressions.render(template.verb, scene.variables)),
            parameters=dict(request.parameters),
            workspace_id=context.workspace_id,
            cluster=scene.cluster,
            namespace=scene.namespace,
            environment=scene.environment,
            requester_id=context.user_id,
            policy_version=self._policy.version,
            steps=tuple(steps),
            digest=digest,
            risk=risk,
            risk_reasons=reasons,
            warnings=tuple(dict.fromkeys((*warnings, *(one for preview in previews for one in preview.warnings)))),
            replaces=replaces,
        )


def _mutating(step: StepTemplate) -> bool:
    operation = CATALOGUE.get(step.action)
    return operation is not None and operation.mutating


def _needs(step: StepTemplate) -> set[str]:
    operation = CATALOGUE.get(step.action)
    return {*step.required_permissions, *([operation.permission] if operation else [])}


def _scope(scene: _Scene) -> dict[str, Any]:
    return {"namespace": scene.namespace, "cluster": scene.cluster}


def _refused_by_control_plane(problem: cp.ControlPlaneError) -> Refused:
    code = next((code for kind, code in _CODES if isinstance(problem, kind)), "ORCHESTRATION_ERROR")
    close = {name: value for name, value in problem.details.items() if name == "did_you_mean"}
    hint = next_step(str(problem), type(problem).__name__, problem.details)
    return Refused(code, str(problem), hint, close)
