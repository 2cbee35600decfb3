"""What a Deployment says about itself: its Available and Progressing conditions.

Pure; statuses are changed in place.
"""

from datetime import datetime, timedelta

from demo.controllers import rollouts
from demo.objects import Obj, condition, dig, moment_of, set_condition, stamp

_RESOLUTION = timedelta(seconds=1)
"""Kubernetes timestamps drop the fraction, so a span measured from one may seem up to this much too long."""
_DONE, _MOVING, _LATE = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"


def judge_available(deployment: Obj, status: Obj, at: str) -> None:
    replicas = deployment["spec"]["replicas"]
    recreates = dig(deployment, "spec", "strategy", "type") == "Recreate"
    least = replicas - (0 if recreates else rollouts.bounds(deployment).unavailable)
    enough = status["availableReplicas"] >= least
    wanted: Obj = {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    }
    had = condition({"status": status}, "Available") or {}
    renewed = had.get("lastUpdateTime", at) if had.get("status") == wanted["status"] else at
    set_condition(status, {**wanted, "lastUpdateTime": renewed}, at)


def judge_progress(deployment: Obj, status: Obj, new: str, now: datetime, deadline: float) -> float | None:
    """Set the condition about the ReplicaSet named *new*; returns the seconds until it would be late, if it may."""
    had = condition(deployment, "Progressing") or {}
    is_another = f'"{new}"' not in had.get("message", "")
    reason, at = had.get("reason"), stamp(now)
    settled = reason == _DONE and not is_another and status["replicas"] == status["updatedReplicas"]
    if settled or _is_complete(deployment, status):
        renewed = had["lastUpdateTime"] if settled else at
        _set(status, ("True", _DONE, f'ReplicaSet "{new}" has successfully progressed.'), renewed, at)
        return None
    if is_another or reason == _DONE or _has_moved(deployment.get("status", {}), status):
        _set(status, ("True", _MOVING, f'ReplicaSet "{new}" is progressing.'), at, at)
        return deadline + 1.0
    if reason == _LATE:
        return None
    left = timedelta(seconds=deadline) + _RESOLUTION - (now - moment_of(had["lastUpdateTime"]))
    if left > timedelta():
        return left.total_seconds() + 0.05
    _set(status, ("False", _LATE, f'ReplicaSet "{new}" has timed out progressing.'), at, at)
    return None


def _is_complete(deployment: Obj, status: Obj) -> bool:
    wanted = deployment["spec"]["replicas"]
    return all(status[count] == wanted for count in ("updatedReplicas", "replicas", "availableReplicas"))


def _has_moved(old: Obj, new: Obj) -> bool:
    more = any(new[count] > old.get(count, 0) for count in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    fewer_old = new["replicas"] - new["updatedReplicas"] < old.get("replicas", 0) - old.get("updatedReplicas", 0)
    return more or fewer_old


def _set(status: Obj, verdict: tuple[str, str, str], renewed: str, at: str) -> None:
    word, reason, message = verdict
    fresh = {"type": "Progressing", "status": word, "reason": reason, "message": message, "lastUpdateTime": renewed}
    set_condition(status, fresh, at)
