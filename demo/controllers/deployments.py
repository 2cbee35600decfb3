"""Deployment -> ReplicaSets: one per template, revisions, rolling update or re-creation, conditions."""

from demo import resources, selectors
from demo.controllers import progress, rollouts
from demo.controllers.recording import Recorder
from demo.controllers.rollouts import Sizes
from demo.objects import (
    Clock,
    Obj,
    annotations_of,
    controller_of,
    dig,
    is_controlled_by,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    stamp,
    uid_of,
)
from demo.store import Change, Store

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = {REVISION, DESIRED, MAXIMUM, "kubectl.kubernetes.io/last-applied-configuration"}
_ME = "deployment-controller"


class Deployments:
    def __init__(self, store: Store, recorder: Recorder, *, clock: Clock, speed: float) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._speed = speed

    def reconcile(self, namespace: str, name: str) -> float | None:
        deployment = self._store.get(resources.DEPLOYMENTS, namespace, name)
        if deployment is None:
            return None
        sets = self._sets_of(deployment)
        digest = rollouts.template_hash(deployment["spec"]["template"])
        new = next((rs for rs in sets if rollouts.template_hash(rs["spec"]["template"]) == digest), None)
        if not dig(deployment, "spec", "paused", default=False):
            deployment, new = self._renew(deployment, sets, new, digest)
            self._roll(deployment, new, [rs for rs in sets if uid_of(rs) != uid_of(new)])
            self._forget_old(deployment, new)
        elif sets:
            self._resize_paused(deployment, new or sets[-1], sets)
        return self._report(deployment, new and self._store.get(resources.REPLICASETS, namespace, name_of(new)))

    def _sets_of(self, deployment: Obj) -> list[Obj]:
        """Its ReplicaSets by revision; those without an owner that match the selector are adopted."""
        found = []
        for rs in self._store.listed(resources.REPLICASETS, namespace_of(deployment)):
            if is_controlled_by(rs, deployment):
                found.append(rs)
            elif not dig(rs, "metadata", "ownerReferences") and selectors.selects(
                deployment["spec"]["selector"], labels_of(rs)
            ):
                owned = {**rs["metadata"], "ownerReferences": [owner_reference(deployment)]}
                found.append(self._store.update(resources.REPLICASETS, {**rs, "metadata": owned}))
        return sorted(found, key=_revision)

    def _renew(self, deployment: Obj, sets: list[Obj], new: Obj | None, digest: str) -> tuple[Obj, Obj]:
        """Make sure of the ReplicaSet for the present template, carrying the newest revision."""
        newest = max((_revision(rs) for rs in sets if rs is not new), default=0)
        if new is None:
            new = self._store.create(resources.REPLICASETS, replica_set(deployment, digest, newest + 1))
        elif _revision(new) <= newest:
            new = self._annotate(resources.REPLICASETS, new, {REVISION: str(newest + 1)})
        deployment = self._annotate(resources.DEPLOYMENTS, deployment, {REVISION: annotations_of(new)[REVISION]})
        return deployment, new

    def _annotate(self, resource: resources.Resource, obj: Obj, pairs: dict[str, str]) -> Obj:
        meta = {**obj["metadata"], "annotations": {**annotations_of(obj), **pairs}}
        return self._store.update(resource, {**obj, "metadata": meta})

    def _roll(self, deployment: Obj, new: Obj, old: list[Obj]) -> None:
        replicas, limits = deployment["spec"]["replicas"], rollouts.bounds(deployment)
        if dig(deployment, "spec", "strategy", "type") == "Recreate":
            for rs in old:
                self._resize(deployment, rs, 0)
            if not any(self._has_pods(rs) for rs in old):
                self._resize(deployment, new, replicas)
            return
        size = rollouts.new_size(replicas, _sizes(new), [_sizes(rs) for rs in old], limits)
        new = self._resize(deployment, new, size)
        wanted = rollouts.old_sizes(replicas, _sizes(new), [_sizes(rs) for rs in old], limits)
        for rs, size in zip(old, wanted, strict=True):
            self._resize(deployment, rs, size)

    def _has_pods(self, rs: Obj) -> bool:
        return any(is_controlled_by(pod, rs) for pod in self._store.listed(resources.PODS, namespace_of(rs)))

    def _resize_paused(self, deployment: Obj, largest: Obj, sets: list[Obj]) -> None:
        others = sum(rs["spec"]["replicas"] for rs in sets if rs is not largest)
        self._resize(deployment, largest, max(0, deployment["spec"]["replicas"] - others))

    def _resize(self, deployment: Obj, rs: Obj, size: int) -> Obj:
        had, replicas = rs["spec"]["replicas"], deployment["spec"]["replicas"]
        if had == size and (size == 0 or annotations_of(rs).get(DESIRED) == str(replicas)):
            return rs
        most = str(replicas + rollouts.bounds(deployment).surge)
        notes = {**annotations_of(rs), DESIRED: str(replicas), MAXIMUM: most}
        resized = {**rs, "spec": {**rs["spec"], "replicas": size}, "metadata": {**rs["metadata"], "annotations": notes}}
        kept = self._store.update(resources.REPLICASETS, resized)
        if had != size:
            verb = "up" if size > had else "down"
            message = f"Scaled {verb} replica set {name_of(rs)} from {had} to {size}"
            self._recorder.normal(deployment, "ScalingReplicaSet", message, _ME)
        return kept

    def _forget_old(self, deployment: Obj, new: Obj) -> None:
        limit = dig(deployment, "spec", "revisionHistoryLimit", default=10)
        empty = [rs for rs in self._sets_of(deployment) if uid_of(rs) != uid_of(new) and not rs["spec"]["replicas"]]
        for rs in empty[: max(0, len(empty) - limit)]:
            if not self._has_pods(rs):
                self._store.delete(resources.REPLICASETS, namespace_of(rs), name_of(rs))

    def _report(self, deployment: Obj, new: Obj | None) -> float | None:
        """Write the status; returns when the progress deadline has to be looked at again."""
        status, at = _counts(deployment, new, self._sets_of(deployment)), stamp(self._clock())
        status["conditions"] = [dict(item) for item in dig(deployment, "status", "conditions", default=[])]
        progress.judge_available(deployment, status, at)
        wait = None
        if new is not None:
            deadline = deployment["spec"].get("progressDeadlineSeconds", 600) / self._speed
            wait = progress.judge_progress(deployment, status, name_of(new), self._clock(), deadline)
        self._store.update(resources.DEPLOYMENTS, {**deployment, "status": status})
        return wait

    def keys_for(self, change: Change) -> list[tuple[str, str]]:
        """The Deployment above a changed ReplicaSet, or above a pod that is gone (re-creation waits for that)."""
        namespace = namespace_of(change.object)
        if change.resource == resources.PODS.key and change.type == "DELETED":
            owner = controller_of(change.object) or {}
            rs = self._store.get(resources.REPLICASETS, namespace, owner.get("name", ""))
        elif change.resource == resources.REPLICASETS.key:
            rs = change.object
        else:
            return []
        above = controller_of(rs) if rs else None
        return [(namespace, above["name"])] if above else []


def replica_set(deployment: Obj, digest: str, revision: int) -> Obj:
    """The ReplicaSet a Deployment owns for its present template, empty at first."""
    template = rollouts.canonical_template(deployment["spec"]["template"])
    template["metadata"].setdefault("labels", {})[rollouts.HASH] = digest
    selector = deployment["spec"]["selector"]
    exact = {**selector.get("matchLabels", {}), rollouts.HASH: digest}
    copied = {key: value for key, value in annotations_of(deployment).items() if key not in _NOT_COPIED}
    return {
        "kind": "ReplicaSet",
        "apiVersion": "apps/v1",
        "metadata": {
            "name": f"{name_of(deployment)}-{digest}",
            "namespace": namespace_of(deployment),
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {**copied, REVISION: str(revision)},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {"replicas": 0, "selector": {**selector, "matchLabels": exact}, "template": template},
        "status": {"replicas": 0},
    }


def _revision(rs: Obj) -> int:
    text = annotations_of(rs).get(REVISION, "0")
    return int(text) if text.isdecimal() else 0


def _sizes(rs: Obj) -> Sizes:
    return Sizes(rs["spec"]["replicas"], dig(rs, "status", "availableReplicas", default=0))


def _counts(deployment: Obj, new: Obj | None, sets: list[Obj]) -> Obj:
    total, ready, available = (
        sum(dig(rs, "status", count, default=0) for rs in sets)
        for count in ("replicas", "readyReplicas", "availableReplicas")
    )
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": total,
        "updatedReplicas": dig(new, "status", "replicas", default=0),
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(total, deployment["spec"]["replicas"]) - available),
    }
