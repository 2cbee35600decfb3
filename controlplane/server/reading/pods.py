"""Pods the way ``kubectl get pods`` tells them, with the reasons a diagnosis needs."""

from datetime import datetime
from typing import Any

from controlplane.contract import models
from controlplane.server.clusters import port
from controlplane.server.look import Look, name_of

MOST_PODS = 1000
_NORMAL = ("Running", "Completed", "Succeeded")


async def get_pods(parameters: models.GetPods, look: Look) -> dict[str, Any]:
    ref = port.pods(parameters.namespace)
    pods, more = await look.items(ref, label_selector=parameters.label_selector, limit=MOST_PODS)
    return {"items": [_pod(pod, look) for pod in pods], "truncated": more}


def _pod(pod: dict[str, Any], look: Look) -> dict[str, Any]:
    metadata, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    statuses = status.get("containerStatuses") or []
    containers = [_container(one, _status_of(one["name"], statuses), look) for one in spec.get("containers") or []]
    shown = status_of(pod)
    return {
        "name": metadata.get("name", ""),
        "namespace": metadata.get("namespace", ""),
        "uid": metadata.get("uid", ""),
        "status": shown,
        "phase": status.get("phase", ""),
        "healthy": shown in _NORMAL and all(one["ready"] or shown != "Running" for one in containers),
        "ready": f"{sum(one['ready'] for one in containers)}/{len(containers)}",
        "restarts": sum(one["restarts"] for one in containers),
        "created": metadata.get("creationTimestamp") or "",
        "age_seconds": _age(metadata.get("creationTimestamp") or "", look.clock()),
        "node": spec.get("nodeName", ""),
        "owner": _owner(metadata),
        "labels": metadata.get("labels") or {},
        "message": look.redact(_message(status)),
        "containers": containers,
        "init_containers": [
            _container(one, _status_of(one["name"], status.get("initContainerStatuses") or []), look)
            for one in spec.get("initContainers") or []
        ],
    }


def _container(container: dict[str, Any], status: dict[str, Any], look: Look) -> dict[str, Any]:
    state = status.get("state") or {}
    kind = next(iter(state), "waiting")
    now = state.get(kind) or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    ended = now if kind == "terminated" else last
    return {
        "name": container.get("name", ""),
        "image": container.get("image", ""),
        "ready": bool(status.get("ready")),
        "restarts": int(status.get("restartCount") or 0),
        "state": kind,
        "reason": now.get("reason", ""),
        "message": look.redact(now.get("message", "")),
        "last_reason": ended.get("reason", ""),
        "last_exit_code": ended.get("exitCode"),
        "last_message": look.redact(ended.get("message", "")),
        "last_finished": ended.get("finishedAt") or "",
    }


def status_of(pod: dict[str, Any]) -> str:
    """The STATUS column of kubectl."""
    status = pod.get("status") or {}
    shown = status.get("reason") or status.get("phase") or "Unknown"
    shown = _initialising(pod) or _running_reason(status) or shown
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(shown)


def _initialising(pod: dict[str, Any]) -> str:
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or []
    count = len((pod.get("spec") or {}).get("initContainers") or [])
    sidecars = {
        one.get("name")
        for one in (pod.get("spec") or {}).get("initContainers") or []
        if one.get("restartPolicy") == "Always"
    }
    for position, one in enumerate(statuses):
        state = one.get("state") or {}
        ended = state.get("terminated")
        if (ended and ended.get("exitCode") == 0) or (one.get("name") in sidecars and one.get("started")):
            continue
        if ended:
            return f"Init:{_ended(ended)}"
        waiting = (state.get("waiting") or {}).get("reason", "")
        return f"Init:{waiting}" if waiting not in ("", "PodInitializing") else f"Init:{position}/{count}"
    return ""


def _running_reason(status: dict[str, Any]) -> str:
    """The reason of the first container that has one, which hides the phase of the pod."""
    reason, running = "", False
    for one in reversed(status.get("containerStatuses") or []):
        state = one.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated"):
            reason = _ended(state["terminated"])
        elif one.get("ready") and state.get("running") is not None:
            running = True
    if reason == "Completed" and running:
        return "Running" if _is_ready(status) else "NotReady"
    return reason


def _ended(state: dict[str, Any]) -> str:
    if state.get("reason"):
        return str(state["reason"])
    signal = state.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{state.get('exitCode', 0)}"


def _is_ready(status: dict[str, Any]) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or [])


def _message(status: dict[str, Any]) -> str:
    """Why the pod is where it is: its own message, or that of the scheduler."""
    unscheduled = (
        one.get("message", "")
        for one in status.get("conditions") or []
        if one.get("type") == "PodScheduled" and one.get("status") == "False"
    )
    return str(status.get("message") or next(unscheduled, ""))


def _owner(metadata: dict[str, Any]) -> str:
    owners = [one for one in metadata.get("ownerReferences") or [] if one.get("controller")]
    return f"{owners[0].get('kind')}/{name_of({'metadata': owners[0]})}" if owners else ""


def _age(created: str, now: datetime) -> int:
    try:
        return max(0, int((now - datetime.fromisoformat(created)).total_seconds()))
    except ValueError:
        return 0


def _status_of(name: str, statuses: list[dict[str, Any]]) -> dict[str, Any]:
    return next((one for one in statuses if one.get("name") == name), {})
