"""How the crash tests start Hexa: ``hexa demo`` with a checkpoint that kills the process, and a faster cluster.

HEXA_CRASH_AT names the point: ``after_gate``, or ``after_attempt:2`` for the second time it is passed, or ``any:7``
for the seventh checkpoint whatever its name. It kills once per data directory and point, by a mark on disk, so the
next start goes on. This is the only place that knows the variable; the product has checkpoints and nobody at them.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from hexa import loading, serving
from hexa import settings as environment
from observability import logging
from security import redaction

VARIABLE = "HEXA_CRASH_AT"
POINTS = ("after_commit", "after_gate", "after_attempt", "after_effect", "after_end")


class Crash:
    """A checkpoint. SIGKILL leaves nothing to clean up with: no handlers, no flush, no rollback by us."""

    def __init__(self, where: str, folder: Path) -> None:
        self._point, _, count = where.partition(":")
        self._count = int(count or 1)
        self._mark = folder / f"crashed-at-{where.replace(':', '-')}"
        self._passed: Counter[str] = Counter()

    def __call__(self, point: str) -> None:
        self._passed[point] += 1
        reached = sum(self._passed.values()) if self._point == "any" else self._passed[self._point]
        if (self._point in {"any", point}) and reached == self._count and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def ready(running: serving.Running) -> None:
    sys.stdout.write(json.dumps({"url": running.url, "controlplane": running.controlplane_url}) + "\n")
    sys.stdout.flush()


def main() -> None:
    settings = environment.load()
    logging.configure(redact=redaction.redact_plain)
    crash = Crash(os.environ.get(VARIABLE, "nowhere"), settings.data_dir)
    serve = serving.serve(
        settings,
        loading.load(settings, demo=True),
        demo=True,
        speed=float(sys.argv[1]),
        ready=ready,
        checkpoint=crash,
    )
    asyncio.run(serve)


if __name__ == "__main__":
    main()
