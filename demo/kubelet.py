"""Scheduler and kubelet in one: moves each pod through its life, step by step, on timers.

Pending -> (scheduled) -> ContainerCreating -> Running -> Ready; a crashing container goes round through
CrashLoopBackOff with the real back-off, an image that cannot be pulled waits in ImagePullBackOff, a deleted pod ends
after a moment. Which steps are due follows from the pod alone, so a restarted process carries on.
"""

from collections.abc import Callable
from datetime import timedelta

from demo import behaviour, podstatus, resources
from demo.controllers.recording import Recorder
from demo.objects import Clock, Obj, dig, is_deleting, moment_of, name_of, namespace_of, set_condition, stamp, uid_of
from demo.store import Store

SCHEDULE, START, READY, CRASH, STOP = 0.1, 0.6, 0.5, 2.5, 1.0
"""Seconds a step takes at speed 1."""
PODS_PER_NODE = 110
_LONGEST_BACKOFF = 300
_ME, _SCHEDULER = "kubelet", "default-scheduler"
Step = Callable[[Obj], None]


class Kubelet:
    def __init__(self, store: Store, recorder: Recorder, *, clock: Clock, speed: float) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._speed = speed
        # (namespace, name) -> (uid, step, run) -> when that step is due, on the injected clock
        self._plans: dict[tuple[str, str], dict[tuple[str, str, int], float]] = {}

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Take the steps that are due; returns the seconds to the next one."""
        pod = self._store.get(resources.PODS, namespace, name)
        if pod is None or dig(pod, "status", "phase") in ("Succeeded", "Failed"):
            self._plans.pop((namespace, name), None)
            return None
        now, old = self._clock().timestamp(), self._plans.get((namespace, name), {})
        ahead = {(uid_of(pod), step, _runs(pod)): (delay, act) for step, delay, act in self._steps(pod)}
        plan = {key: old.get(key, now + delay) for key, (delay, _) in ahead.items()}
        self._plans[namespace, name] = plan
        for key, (_, act) in ahead.items():
            if plan[key] <= now:
                del plan[key]
                act(pod)
                return 0.0 if self._store.get(resources.PODS, namespace, name) is pod else None
        return min((due - now for due in plan.values()), default=None)

    def _steps(self, pod: Obj) -> list[tuple[str, float, Step]]:
        """The steps ahead of the pod: name, seconds from now, what it does."""
        if is_deleting(pod):
            return [("stop", STOP / self._speed, self._stop)]
        if not dig(pod, "spec", "nodeName"):
            return [("schedule", SCHEDULE / self._speed, self._schedule)]
        statuses = dig(pod, "status", "containerStatuses")
        if not statuses:
            return [("create", 0.0, self._create)]
        steps: list[tuple[str, float, Step]] = []
        reasons = {dig(status, "state", "waiting", "reason") for status in statuses}
        if "ContainerCreating" in reasons:
            steps.append(("start", START / self._speed, self._start))
        if reasons & {podstatus.CRASH_LOOP, podstatus.PULL_BACKOFF}:
            steps.append(("retry", self._until_retry(pod), self._retry))
        if any(dig(status, "state", "running") and not status["ready"] for status in statuses):
            crashes = any(self._crashes(pod, status) for status in statuses if not status["ready"])
            steps.append(("crash", CRASH / self._speed, self._crash) if crashes else ("ready", *self._soon_ready()))
        return steps

    def _soon_ready(self) -> tuple[float, Step]:
        return READY / self._speed, self._become_ready

    def _crashes(self, pod: Obj, status: Obj) -> bool:
        container = _container(pod, status)
        running = dig(status, "state", "running") is not None
        return running and behaviour.missing_database(pod, container, self._store) is not None

    def _schedule(self, pod: Obj) -> None:
        loads = {name_of(node): 0 for node in self._store.listed(resources.NODES) if _accepts(node)}
        for other in self._store.listed(resources.PODS):
            node = dig(other, "spec", "nodeName")
            if node in loads:
                loads[node] += 1
        free = [node for node in sorted(loads) if loads[node] < PODS_PER_NODE]
        if not free:
            self._cannot_place(pod, len(self._store.listed(resources.NODES)))
            return
        node = min(free, key=lambda name: loads[name])
        status = {**pod.get("status", {"phase": "Pending"})}
        status["conditions"] = []
        set_condition(status, {"type": "PodScheduled", "status": "True"}, stamp(self._clock()))
        self._store.update(resources.PODS, {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status})
        where = f"{namespace_of(pod)}/{name_of(pod)}"
        self._recorder.normal(pod, "Scheduled", f"Successfully assigned {where} to {node}", _SCHEDULER)

    def _cannot_place(self, pod: Obj, nodes: int) -> None:
        message = f"0/{nodes} nodes are available: {nodes} Too many pods."
        status = {**pod.get("status", {"phase": "Pending"})}
        status["conditions"] = [dict(item) for item in status.get("conditions", [])]
        why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        set_condition(status, why, stamp(self._clock()))
        if status != pod.get("status"):
            self._store.update(resources.PODS, {**pod, "status": status})
            self._recorder.warning(pod, "FailedScheduling", message, _SCHEDULER)
        again = self._clock().timestamp() + 10.0 / self._speed
        self._plans[namespace_of(pod), name_of(pod)] = {(uid_of(pod), "schedule", 0): again}

    def _create(self, pod: Obj) -> None:
        statuses = [podstatus.waiting(container, "ContainerCreating") for container in pod["spec"]["containers"]]
        self._keep(pod, statuses)

    def _start(self, pod: Obj) -> None:
        self._keep(pod, [self._started(pod, status) for status in pod["status"]["containerStatuses"]])

    def _started(self, pod: Obj, status: Obj) -> Obj:
        if dig(status, "state", "waiting", "reason") != "ContainerCreating":
            return status
        image, name = status["image"], status["name"]
        if behaviour.cannot_be_pulled(image):
            self._tell(pod, status, "Warning", "Failed", f'Failed to pull image "{image}": manifest unknown')
            self._tell(pod, status, "Normal", "BackOff", f'Back-off pulling image "{image}"')
            message = f'Back-off pulling image "{image}": ErrImagePull: manifest unknown'
            return {**status, "state": {"waiting": {"reason": podstatus.PULL_BACKOFF, "message": message}}}
        pulled = f'Container image "{image}" already present on machine'
        for reason, message in (("Pulled", pulled), ("Created", f"Created container: {name}")):
            self._tell(pod, status, "Normal", reason, message)
        self._tell(pod, status, "Normal", "Started", f"Started container {name}")
        return podstatus.running(pod, status, stamp(self._clock()))

    def _become_ready(self, pod: Obj) -> None:
        statuses = pod["status"]["containerStatuses"]
        self._keep(pod, [{**status, "ready": "running" in status["state"]} for status in statuses])

    def _crash(self, pod: Obj) -> None:
        statuses = []
        for status in pod["status"]["containerStatuses"]:
            crashes = self._crashes(pod, status)
            statuses.append(
                self._crashed(pod, status) if crashes else {**status, "ready": "running" in status["state"]}
            )
        self._keep(pod, statuses)

    def _crashed(self, pod: Obj, status: Obj) -> Obj:
        ended = podstatus.terminated(status, stamp(self._clock()), 1)
        pause = backoff(status["restartCount"])
        where = f"{status['name']} in pod {name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
        self._tell(pod, status, "Warning", "BackOff", f"Back-off restarting failed container {where}")
        last = {**status, "lastState": {"terminated": ended}}
        return podstatus.crash_looping(pod, last, f"{pause // 60}m{pause % 60}s" if pause >= 60 else f"{pause}s")  # noqa: PLR2004

    def _retry(self, pod: Obj) -> None:
        statuses = []
        for status in pod["status"]["containerStatuses"]:
            reason = dig(status, "state", "waiting", "reason")
            retried = status
            if reason in (podstatus.CRASH_LOOP, podstatus.PULL_BACKOFF):
                count = status["restartCount"] + (reason == podstatus.CRASH_LOOP)
                again = {**status, "restartCount": count, "state": {"waiting": {"reason": "ContainerCreating"}}}
                retried = self._started(pod, again)
            statuses.append(retried)
        self._keep(pod, statuses)

    def _until_retry(self, pod: Obj) -> float:
        """Seconds until a waiting container is tried again, counted from its last end."""
        waits = [30.0 / self._speed]
        for status in pod["status"]["containerStatuses"]:
            ended = dig(status, "lastState", "terminated", "finishedAt")
            if dig(status, "state", "waiting", "reason") == podstatus.CRASH_LOOP and ended:
                due = moment_of(ended) + timedelta(seconds=backoff(status["restartCount"]) / self._speed)
                waits.append(max(0.1, (due - self._clock()).total_seconds()))
        return waits[-1]

    def _stop(self, pod: Obj) -> None:
        for status in dig(pod, "status", "containerStatuses", default=[]):
            self._tell(pod, status, "Normal", "Killing", f"Stopping container {status['name']}")
        self._store.delete(resources.PODS, namespace_of(pod), name_of(pod))

    def _keep(self, pod: Obj, statuses: list[Obj]) -> None:
        node = self._store.get(resources.NODES, "", pod["spec"]["nodeName"])
        self._store.update(resources.PODS, podstatus.with_containers(pod, statuses, stamp(self._clock()), node))

    def _tell(self, pod: Obj, status: Obj, kind: str, reason: str, message: str) -> None:
        tell = self._recorder.normal if kind == "Normal" else self._recorder.warning
        field = f"spec.containers{{{status['name']}}}"
        tell(pod, reason, message, _ME, field=field, host=dig(pod, "spec", "nodeName", default=""))


def backoff(restarts: int) -> int:
    """Seconds before the next restart: 10, 20, 40, ... up to five minutes."""
    return int(min(10 * 2 ** min(restarts, 10), _LONGEST_BACKOFF))


def _runs(pod: Obj) -> int:
    return sum(status["restartCount"] for status in dig(pod, "status", "containerStatuses", default=[]))


def _container(pod: Obj, status: Obj) -> Obj:
    containers: list[Obj] = pod["spec"]["containers"]
    return next(container for container in containers if container["name"] == status["name"])


def _accepts(node: Obj) -> bool:
    return not dig(node, "spec", "unschedulable", default=False)
