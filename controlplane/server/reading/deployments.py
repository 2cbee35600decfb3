"""Deployments by the rollout rules of Kubernetes, and waiting for one to change."""

import asyncio
from contextlib import aclosing
from typing import Any

from controlplane.contract import errors, models
from controlplane.server.clusters import port
from controlplane.server.look import READ_TIMEOUT, Look, name_of

MOST_DEPLOYMENTS = 500
_CREDIBLE_REASONS = ("ProgressDeadlineExceeded",)


async def list_deployments(parameters: models.ListDeployments, look: Look) -> dict[str, Any]:
    ref = port.deployments(parameters.namespace)
    found, more = await look.items(ref, label_selector=parameters.label_selector, limit=MOST_DEPLOYMENTS)
    return {"items": [status_of(one).model_dump(mode="json") for one in found], "truncated": more}


async def get_deployment_status(parameters: models.DeploymentParameters, look: Look) -> dict[str, Any]:
    deployment = await look.get(port.deployments(parameters.namespace).named(parameters.deployment_name))
    return status_of(deployment).model_dump(mode="json")


async def watch_deployment(parameters: models.WatchDeployment, look: Look) -> dict[str, Any]:
    """The status as soon as it differs from the version the caller knows, or as it is when the wait is over."""
    ref = port.deployments(parameters.namespace)
    name = parameters.deployment_name
    deployment = await look.get(ref.named(name))
    if not parameters.since or _version(deployment) != parameters.since or not parameters.wait:
        return status_of(deployment).model_dump(mode="json")
    try:
        async with asyncio.timeout(parameters.wait):
            changed = await _change(look, ref, name, since=parameters.since, wait=parameters.wait)
    except (TimeoutError, errors.OperationTimeoutError):
        changed = None
    deployment = changed or await look.get(ref.named(name))
    return status_of(deployment).model_dump(mode="json")


async def _change(look: Look, ref: port.Ref, name: str, *, since: str, wait: float) -> dict[str, Any] | None:
    events = look.cluster.watch(
        ref, resource_version=since, field_selector=f"metadata.name={name}", timeout=max(wait, READ_TIMEOUT)
    )
    try:
        async with aclosing(events):
            async for event in events:
                if event.get("type") == "DELETED":
                    raise await look.missing(ref.named(name))
                changed = event.get("object") or {}
                known = event.get("type") in ("ADDED", "MODIFIED") and name_of(changed) == name
                if known and _version(changed) != since:
                    return changed
    except port.ExpiredError:
        return None  # the version is too old to be watched from: what is there now is the change
    return None


def _version(deployment: dict[str, Any]) -> str:
    return str((deployment.get("metadata") or {}).get("resourceVersion", ""))


def status_of(deployment: dict[str, Any]) -> models.RolloutStatus:
    metadata, spec, status = deployment["metadata"], deployment.get("spec") or {}, deployment.get("status") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
    counts = {
        "desired": int(spec.get("replicas", 1)),
        "replicas": int(status.get("replicas") or 0),
        "updated": int(status.get("updatedReplicas") or 0),
        "ready": int(status.get("readyReplicas") or 0),
        "available": int(status.get("availableReplicas") or 0),
        "unavailable": int(status.get("unavailableReplicas") or 0),
    }
    observed = int(status.get("observedGeneration") or 0)
    state, reason = _rollout(deployment, counts, observed >= int(metadata.get("generation") or 0))
    return models.RolloutStatus(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        generation=int(metadata.get("generation") or 0),
        observed_generation=observed,
        resource_version=_version(deployment),
        **counts,
        state=state,
        reason=reason,
        images=tuple(str(one.get("image", "")) for one in containers),
        created=metadata.get("creationTimestamp") or "",
    )


def _rollout(deployment: dict[str, Any], counts: dict[str, int], observed: bool) -> tuple[Any, str]:
    """State and reason: what ``kubectl rollout status`` would say, and failure as the controller reports it."""
    if not observed:
        return "progressing", "the change has not been picked up yet"
    conditions = {one.get("type"): one for one in (deployment.get("status") or {}).get("conditions") or []}
    progressing = conditions.get("Progressing") or {}
    if progressing.get("reason") in _CREDIBLE_REASONS and progressing.get("status") == "False":
        return "failed", _sentence(progressing)
    refused = conditions.get("ReplicaFailure") or {}
    if refused.get("status") == "True":
        return "progressing", _sentence(refused)
    waiting = _waiting(counts)
    if waiting and (deployment.get("spec") or {}).get("paused"):
        return "progressing", f"the rollout is paused; {waiting}"
    return ("progressing", waiting) if waiting else ("complete", "")


def _waiting(counts: dict[str, int]) -> str:
    desired, updated = counts["desired"], counts["updated"]
    if updated < desired:
        return f"{updated} of {desired} replicas have been updated"
    if counts["replicas"] > desired or counts["replicas"] > updated:
        return f"{counts['replicas'] - min(desired, updated)} old replicas are being terminated"
    if counts["available"] < updated:
        return f"{counts['available']} of {updated} updated replicas are available"
    return ""


def _sentence(condition: dict[str, Any]) -> str:
    return f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
