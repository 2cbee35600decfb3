"""Whether a stored run still is the one that was planned, shown and approved. Pure.

Digests carry no key: whoever can write every table can make them fit each other. What this finds is a plan that was
changed without its approval, and a card that would show something else than what would run.
"""

from controlplane.contract import canonical
from controlplane.contract import errors as cp
from controlplane.contract.catalogue import CATALOGUE
from security import digests
from workflows import runs


def covered(run: runs.Run) -> bool:
    """Whether the run's approval is one of exactly the operations its plan names, in this order."""
    return run.approval is not None and run.approval.digest == plan_digest(run.plan)


def plan_digest(plan: runs.Plan) -> str:
    return digests.plan_digest(
        plan.operation_digests, workspace_id=plan.workspace_id, workflow=plan.workflow, requester=plan.requester_id
    )


def altered(run: runs.Run) -> bool:
    """Whether plan, approval and what the card shows do not fit together any more."""
    if not run.plan.operation_digests and run.approval is None:
        return False
    return not covered(run) or not all(_shown_is_run(run.plan, step) for step in run.plan.steps if step.mutating)


def _shown_is_run(plan: runs.Plan, step: runs.PlannedStep) -> bool:
    preview = step.preview
    if preview is None or (preview.operation, preview.cluster) != (step.action, plan.cluster):
        return False
    digest = canonical.operation_digest_of(
        preview, workspace_id=plan.workspace_id, requester=plan.requester_id, policy_version=plan.policy_version
    )
    return (
        digest == step.digest
        and preview.target.namespace == plan.namespace
        and preview.parameters == _canonical_parameters(plan, step)
    )


def _canonical_parameters(plan: runs.Plan, step: runs.PlannedStep) -> object:
    fields = CATALOGUE[step.action].parameters.model_fields
    wire = {name: value for name, value in step.parameters.items() if name in fields}
    try:
        return canonical.canonical_parameters(step.action, {**wire, "workspace_id": plan.workspace_id})
    except cp.InvalidRequestError:
        return None
