"""ReplicaSet -> Pods: keep as many as wanted; the least useful go first."""

import uuid
from datetime import timedelta

from demo import resources
from demo.controllers.recording import Recorder
from demo.objects import (
    Clock,
    Obj,
    condition,
    dig,
    is_controlled_by,
    is_deleting,
    is_true,
    labels_of,
    letters,
    moment_of,
    name_of,
    namespace_of,
    owner_reference,
    set_condition,
    stamp,
)
from demo.store import Store
from demo.writing import terminating

MOST_PODS = 250
"""A quota on the whole cluster, so that an absurd scale does not take the demo down."""
_ME = "replicaset-controller"


class ReplicaSets:
    def __init__(self, store: Store, recorder: Recorder, *, clock: Clock, speed: float) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._speed = speed

    def reconcile(self, namespace: str, name: str) -> float | None:
        rs = self._store.get(resources.REPLICASETS, namespace, name)
        if rs is None:
            return None
        pods = self._pods_of(rs)
        missing = rs["spec"]["replicas"] - len(pods)
        refused = 0
        if missing > 0:
            refused = self._create(rs, missing)
        for pod in sorted(pods, key=_usefulness)[: max(0, -missing)]:
            self._delete(rs, pod)
        return self._report(rs, refused)

    def _pods_of(self, rs: Obj) -> list[Obj]:
        pods = self._store.listed(resources.PODS, namespace_of(rs))
        return [pod for pod in pods if is_controlled_by(pod, rs) and not is_deleting(pod) and _is_active(pod)]

    def _create(self, rs: Obj, count: int) -> int:
        """Create pods as far as the quota goes; returns how many were refused."""
        room = max(0, MOST_PODS - self._store.count(resources.PODS))
        for _ in range(min(count, room)):
            pod = self._store.create(resources.PODS, pod_of(rs, letters(str(uuid.uuid4()), 5)))
            self._recorder.normal(rs, "SuccessfulCreate", f"Created pod: {name_of(pod)}", _ME)
        if count > room:
            self._recorder.warning(rs, "FailedCreate", _quota_message(rs), _ME)
        return max(0, count - room)

    def _delete(self, rs: Obj, pod: Obj) -> None:
        if dig(pod, "spec", "nodeName"):
            grace = dig(pod, "spec", "terminationGracePeriodSeconds", default=30)
            self._store.update(resources.PODS, terminating(pod, self._clock, grace))
        else:
            self._store.delete(resources.PODS, namespace_of(pod), name_of(pod))
        self._recorder.normal(rs, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", _ME)

    def _report(self, rs: Obj, refused: int) -> float | None:
        pods, now = self._pods_of(rs), self._clock()
        ready = [pod for pod in pods if is_true(pod, "Ready")]
        settling = timedelta(seconds=rs["spec"].get("minReadySeconds", 0) / self._speed)
        ages = [now - moment_of((condition(pod, "Ready") or {})["lastTransitionTime"]) for pod in ready]
        status: Obj = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": sum(age >= settling for age in ages),
            "observedGeneration": rs["metadata"]["generation"],
        }
        if refused:
            failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
            status["conditions"] = list(dig(rs, "status", "conditions", default=[]))
            set_condition(status, {**failure, "message": _quota_message(rs)}, stamp(now))
        self._store.update(resources.REPLICASETS, {**rs, "status": status})
        waits = [(settling - age).total_seconds() + 0.05 for age in ages if age < settling]
        return min(waits, default=30.0 / self._speed if refused else None)


def pod_of(rs: Obj, suffix: str) -> Obj:
    """A new pod by the template of a ReplicaSet."""
    template = rs["spec"]["template"]
    meta = {
        "name": f"{name_of(rs)}-{suffix}",
        "generateName": f"{name_of(rs)}-",
        "namespace": namespace_of(rs),
        "labels": dict(labels_of(template)),
        "ownerReferences": [owner_reference(rs)],
    }
    if notes := dig(template, "metadata", "annotations"):
        meta["annotations"] = dict(notes)
    spec = {**template["spec"], "serviceAccountName": template["spec"].get("serviceAccountName", "default")}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": spec, "status": {"phase": "Pending"}}


def _quota_message(rs: Obj) -> str:
    return (
        f'Error creating: pods "{name_of(rs)}-" is forbidden: exceeded quota: demo-pods, requested: pods=1, '
        f"used: pods={MOST_PODS}, limited: pods={MOST_PODS}"
    )


def _is_active(pod: Obj) -> bool:
    return dig(pod, "status", "phase") not in ("Succeeded", "Failed")


def _usefulness(pod: Obj) -> tuple[bool, bool, bool, float]:
    """Smallest goes first: unscheduled, not running, not ready, then the newest."""
    born = moment_of(pod["metadata"]["creationTimestamp"]).timestamp()
    phase = dig(pod, "status", "phase")
    return (bool(dig(pod, "spec", "nodeName")), phase == "Running", is_true(pod, "Ready"), -born)
