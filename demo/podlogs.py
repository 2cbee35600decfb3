"""`pods/<name>/log`: which run of which container is meant, which of its lines, and following as they come."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from demo import behaviour, errors, logs, resources
from demo.logs import Instance, Line
from demo.objects import Clock, Obj, dig, labels_of, moment_of, name_of, namespace_of, uid_of
from demo.reading import flag
from demo.store import Store

_LOOK_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    tail: int | None
    limit: int | None
    since: datetime | None
    timestamps: bool
    follow: bool
    previous: bool

    @classmethod
    def of(cls, request: web.Request, now: datetime) -> "Wish":
        query, since = request.query, None
        if (seconds := _number(request, "sinceSeconds")) is not None:
            since = now - timedelta(seconds=seconds)
        elif text := query.get("sinceTime"):
            try:
                since = moment_of(text)
            except ValueError as cause:
                raise errors.bad_request(f"invalid sinceTime: {text!r}") from cause
        flags = (flag(query, name) for name in ("timestamps", "follow", "previous"))
        return cls(_number(request, "tailLines"), _number(request, "limitBytes"), since, *flags)

    def text(self, chosen: list[Line]) -> bytes:
        if self.timestamps:
            rows = [f"{line.at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {line.text}\n" for line in chosen]
        else:
            rows = [f"{line.text}\n" for line in chosen]
        return "".join(rows).encode()


class PodLogs:
    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def serve(self, request: web.Request, pod: Obj) -> web.StreamResponse:
        now = self._clock()
        wish = Wish.of(request, now)
        container = _container(pod, request.query.get("container", ""))
        instance = self._instance(pod, container, previous=wish.previous)
        chosen = [line for line in logs.lines(instance, now) if wish.since is None or line.at >= wish.since]
        if wish.tail is not None:
            chosen = chosen[-wish.tail :] if wish.tail else []
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        text = wish.text(chosen)
        await response.write(text[: wish.limit] if wish.limit else text)
        if wish.follow and instance.ended is None:
            await self._follow(response, pod, instance, now, wish)
        return response

    async def _follow(self, response: web.StreamResponse, pod: Obj, run: Instance, seen: datetime, wish: Wish) -> None:
        """Send lines as they fall due, until this run of the container is over or the server stops."""
        while not self._closing.is_set():
            due = (logs.next_after(run, seen) - self._clock()).total_seconds()
            try:
                await asyncio.wait_for(self._closing.wait(), min(max(due, 0.02), _LOOK_AGAIN))
            except TimeoutError:
                now = self._clock()
                fresh = [line for line in logs.lines(run, now) if seen < line.at <= now]
                if fresh:
                    await response.write(wish.text(fresh))
                seen = now
            if not self._still_runs(pod, run):
                return

    def _still_runs(self, pod: Obj, run: Instance) -> bool:
        current = self._store.get(resources.PODS, namespace_of(pod), name_of(pod))
        if current is None or uid_of(current) != uid_of(pod):
            return False
        statuses = dig(current, "status", "containerStatuses", default=[])
        return any(
            status["name"] == run.seed.rpartition("/")[2] and dig(status, "state", "running") for status in statuses
        )

    def _instance(self, pod: Obj, container: Obj, *, previous: bool) -> Instance:
        name = container["name"]
        statuses = dig(pod, "status", "containerStatuses", default=[])
        status: Obj = next((item for item in statuses if item["name"] == name), {})
        running, last = dig(status, "state", "running"), dig(status, "lastState", "terminated")
        ended = dig(status, "state", "terminated")
        if previous:
            if last is None:
                raise errors.bad_request(f'previous terminated container "{name}" in pod "{name_of(pod)}" not found')
            running, ended = None, last
        elif running is None:
            ended = ended or last
        if running is None and ended is None:
            reason = dig(status, "state", "waiting", "reason", default="ContainerCreating")
            word = "trying and failing to pull image" if "Pull" in reason else f"waiting to start: {reason}"
            raise errors.bad_request(f'container "{name}" in pod "{name_of(pod)}" is {word}')
        failed = ended is not None and ended.get("exitCode", 0) != 0
        missing = behaviour.database_host(container) if failed else None
        if running is not None:
            missing = behaviour.missing_database(pod, container, self._store)
        return Instance(
            seed=f"{uid_of(pod)}/{name}",
            app=labels_of(pod).get("app") or str(name),
            image=container["image"],
            started=moment_of((running or ended)["startedAt"]),
            ended=moment_of(ended["finishedAt"]) if running is None else None,
            missing_host=missing,
        )


def _container(pod: Obj, wanted: str) -> Obj:
    containers: list[Obj] = pod["spec"]["containers"]
    names = [container["name"] for container in containers]
    if not wanted and len(containers) > 1:
        listed = " ".join(names)
        raise errors.bad_request(
            f"a container name must be specified for pod {name_of(pod)}, choose one of: [{listed}]"
        )
    for container in containers:
        if container["name"] == (wanted or names[0]):
            return container
    raise errors.bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise errors.bad_request(f"invalid {name}: {text!r}: must be greater than or equal to 0")
    return int(text)
