"""Events about objects, folded when they repeat and forgotten after an hour, as on a real cluster."""

from datetime import timedelta

from demo import resources
from demo.objects import Clock, Obj, canonical, letters, moment_of, name_of, namespace_of, stamp, uid_of
from demo.store import Store

KEPT_FOR = timedelta(hours=1)
SWEEP_EVERY = timedelta(minutes=1)
MOST, SPARE = 1_000, 100


class Recorder:
    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._sweep_at = clock()

    def normal(self, about: Obj, reason: str, message: str, component: str, **more: str) -> None:
        self._record(about, "Normal", reason, message, component, **more)

    def warning(self, about: Obj, reason: str, message: str, component: str, **more: str) -> None:
        self._record(about, "Warning", reason, message, component, **more)

    def _record(
        self, about: Obj, kind: str, reason: str, message: str, component: str, *, field: str = "", host: str = ""
    ) -> None:
        event = build(about, kind, reason, message, component, self._clock, field=field, host=host)
        old = self._store.get(resources.EVENTS, event["metadata"]["namespace"], name_of(event))
        if old is not None:
            again = {"count": old["count"] + 1, "lastTimestamp": event["lastTimestamp"]}
            self._store.update(resources.EVENTS, {**old, **again})
            return
        self._forget()
        self._store.create(resources.EVENTS, event)

    def _forget(self) -> None:
        """Drop what is old, and the oldest when there are too many; asked when an event is added, done rarely."""
        now, count = self._clock(), self._store.count(resources.EVENTS)
        if now < self._sweep_at and count < MOST:
            return
        self._sweep_at = now + SWEEP_EVERY
        kept = sorted(self._store.listed(resources.EVENTS), key=_last_seen)
        for index, event in enumerate(kept):
            if moment_of(_last_seen(event)) >= now - KEPT_FOR and count - index <= MOST - SPARE:
                return
            self._store.delete(resources.EVENTS, namespace_of(event), name_of(event))


def _last_seen(event: Obj) -> str:
    """Events that clients made may lack the field."""
    return str(event.get("lastTimestamp") or event["metadata"]["creationTimestamp"])


def build(
    about: Obj,
    kind: str,
    reason: str,
    message: str,
    component: str,
    clock: Clock,
    *,
    field: str = "",
    host: str = "",
) -> Obj:
    """The event; its name follows from what it says, so a repetition finds the first one."""
    said = letters(canonical([uid_of(about), kind, reason, message, component, field]), 16)
    namespace, at = namespace_of(about) or "default", stamp(clock())
    involved = {
        "kind": about["kind"],
        "namespace": namespace_of(about),
        "name": name_of(about),
        "uid": uid_of(about),
        "apiVersion": about["apiVersion"],
        "resourceVersion": about["metadata"].get("resourceVersion", ""),
        "fieldPath": field,
    }
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": f"{name_of(about)}.{said}", "namespace": namespace},
        "involvedObject": {key: value for key, value in involved.items() if value},
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {key: value for key, value in (("component", component), ("host", host)) if value},
        "reportingComponent": component,
        "reportingInstance": host,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "eventTime": None,
    }
