"""What containers print: lines computed from the pod's uid and the time, so they are stable, bounded and cost nothing.

Asking twice gives the same text; nothing is stored. A crashing container prints the same short story each run.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_LINES = 1_000
_WARM_UP = timedelta(seconds=2)
_SERVER_ERROR = 500
_PATHS = ("/", "/products", "/products/42", "/basket", "/static/app.css", "/static/app.js", "/search?q=lamp", "/offers")
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)", "kube-probe/1.32")


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One run of a container."""

    seed: str
    app: str
    image: str
    started: datetime
    ended: datetime | None = None
    missing_host: str | None = None


def lines(instance: Instance, until: datetime) -> list[Line]:
    """What the instance printed up to a moment, oldest first, the last MOST_LINES of it."""
    end = min(until, instance.ended) if instance.ended else until
    if instance.missing_host is not None:
        story = _crash_story(instance)
        return story if instance.ended else [line for line in story if line.at <= end]
    begin = [Line(instance.started + _step(index), text) for index, text in enumerate(_opening(instance))]
    return [line for line in [*begin, *_traffic(instance, end)] if line.at <= end][-MOST_LINES:]


def _step(index: int) -> timedelta:
    return timedelta(milliseconds=37 * (index + 1))


def _interval(instance: Instance) -> timedelta:
    return timedelta(seconds=random.Random(instance.seed).uniform(3.0, 6.0))  # noqa: S311 - scenery


def next_after(instance: Instance, moment: datetime) -> datetime:
    """When the next line is due, for those who follow."""
    interval = _interval(instance)
    done = max(0, int((moment - instance.started - _WARM_UP) / interval))
    return instance.started + _WARM_UP + (done + 1) * interval


def _traffic(instance: Instance, until: datetime) -> Iterator[Line]:
    interval, write = _interval(instance), _writer(instance)
    count = int((until - instance.started - _WARM_UP) / interval) + 1
    for index in range(max(0, count - MOST_LINES), max(0, count)):
        at = instance.started + _WARM_UP + index * interval
        yield Line(at, write(at, random.Random(f"{instance.seed}/{index}")))  # noqa: S311 - scenery


def _writer(instance: Instance) -> Callable[[datetime, random.Random], str]:
    if "nginx" in instance.image:
        return _access_line
    if instance.app in ("api", "checkout"):
        return _json_line
    return _plain_line


def _access_line(at: datetime, rng: random.Random) -> str:
    path, status = rng.choice(_PATHS), rng.choices((200, 304, 404), (90, 8, 2))[0]
    size = rng.randint(180, 14_000) if status != 304 else 0  # noqa: PLR2004 - Not Modified has no body
    when, client = at.strftime("%d/%b/%Y:%H:%M:%S +0000"), f"10.244.0.{rng.randint(2, 60)}"
    return f'{client} - - [{when}] "GET {path} HTTP/1.1" {status} {size} "-" "{rng.choice(_AGENTS)}"'


def _json_line(at: datetime, rng: random.Random) -> str:
    status = rng.choices((200, 201, 404, 503), (80, 14, 5, 1))[0]
    level, took = ("error" if status >= _SERVER_ERROR else "info"), rng.randint(3, 140)
    method, path = rng.choice((("GET", "/v1/products"), ("GET", "/v1/orders/7731"), ("POST", "/v1/orders")))
    when = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return (
        f'{{"time":"{when}","level":"{level}","msg":"request","method":"{method}","path":"{path}",'
        f'"status":{status},"duration_ms":{took},"request_id":"{rng.getrandbits(48):012x}"}}'
    )


def _plain_line(at: datetime, rng: random.Random) -> str:
    return f"{at.strftime('%Y-%m-%d %H:%M:%S')} INFO handled {rng.randint(1, 40)} requests in the last interval"


def _opening(instance: Instance) -> list[str]:
    if "nginx" in instance.image:
        version = instance.image.rpartition(":")[2]
        return [
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
            f"nginx/{version}: using the epoll event method",
            "start worker processes",
        ]
    return [f"INFO  {instance.app} starting from {instance.image}", "INFO  listening on :8080"]


def _crash_story(instance: Instance) -> list[Line]:
    host, version = instance.missing_host, instance.image.rpartition(":")[2]
    why = f"dial tcp: lookup {host} on 10.96.0.10:53: no such host"
    texts = [
        f"INFO  {instance.app} {version} starting (pid 1)",
        "INFO  configuration loaded from the environment",
        f"INFO  connecting to database {instance.app!r} at {host}:5432",
        *(f"WARN  database connection attempt {attempt}/3 failed: {why}" for attempt in (1, 2, 3)),
        f"ERROR cannot connect to database at {host}:5432 after 3 attempts: {why}",
        "FATAL cannot start without the database, exiting with code 1",
    ]
    span = (instance.ended - instance.started) if instance.ended else timedelta(seconds=2)
    pace = min(span / (len(texts) + 1), timedelta(milliseconds=350))
    return [Line(instance.started + pace * (index + 1), text) for index, text in enumerate(texts)]
