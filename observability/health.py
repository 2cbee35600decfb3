"""Named readiness checks: what must work before this process should be given requests.

A check answers None when all is well and else the problem in one sentence. They run together, each with a deadline,
and one that raises or hangs counts as a problem: readiness fails closed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[str | None]]
DEADLINE = 2.0  # seconds: orchestrators ask every few seconds and give up soon


@dataclass(frozen=True, slots=True)
class Health:
    """The outcome of all checks: name to problem, an empty string for those that passed."""

    checks: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return not any(self.checks.values())


class Checks:
    """The checks of one process; parts add theirs when they are wired."""

    def __init__(self, *, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        self._checks[name] = check

    async def run(self) -> Health:
        running = (asyncio.wait_for(check(), self._deadline) for check in self._checks.values())
        outcomes = await asyncio.gather(*running, return_exceptions=True)
        return Health(dict(zip(self._checks, map(self._problem, outcomes), strict=True)))

    def _problem(self, outcome: str | BaseException | None) -> str:
        if isinstance(outcome, TimeoutError):
            return f"no answer within {self._deadline:g} s"
        if isinstance(outcome, BaseException):
            return f"the check failed with {type(outcome).__name__}"
        return outcome or ""
