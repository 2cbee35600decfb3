"""Who may decide on a plan: the policy's answer for one person and for everybody. Pure."""

from collections.abc import Mapping, Sequence

from controlplane.contract.catalogue import CATALOGUE
from security import policies
from workflows import runs


def refusal_of(
    plan: runs.Plan, ruling: policies.Ruling, *, decider: str, permissions: Sequence[str]
) -> policies.Refusal | None:
    """Why somebody with these permissions may not decide on a plan; None when they may."""
    return policies.may_decide(
        ruling,
        decider=decider,
        requester=plan.requester_id,
        permissions=permissions,
        namespace=plan.namespace,
        operation_permissions=operation_permissions(plan),
    )


def operation_permissions(plan: runs.Plan) -> tuple[str, ...]:
    """The permissions its changing steps need from whoever asks, without namespace."""
    return tuple(sorted({CATALOGUE[step.action].permission for step in plan.steps if step.mutating}))


def deciders(plan: runs.Plan, ruling: policies.Ruling, everyone: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of all who may decide, given everybody's permissions."""
    return sorted(
        person
        for person, held in everyone.items()
        if refusal_of(plan, ruling, decider=person, permissions=held) is None
    )
