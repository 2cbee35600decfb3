"""Operations and TokenExchange with answers written beforehand, for the unit tests of those who call them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.contract import errors, models
from controlplane.contract.operations import Caller

Answer = Any  # what comes back, or a ControlPlaneError to raise


@dataclass(frozen=True)
class Asked:
    kind: str  # read, preview, execute, for_person, for_step
    operation: str
    parameters: Mapping[str, Any]
    caller: Caller | None = None
    key: str = ""


@dataclass
class ScriptedOperations:
    """`script(kind, operation, *answers)` queues answers; the last one stays. Without a script it is not found."""

    permissions: tuple[str, ...] = ("*:*",)
    asked: list[Asked] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)

    def script(self, kind: str, operation: str, *answers: Answer) -> "ScriptedOperations":
        self._answers.setdefault((kind, operation), []).extend(answers)
        return self

    def calls(self, kind: str) -> list[Asked]:
        return [one for one in self.asked if one.kind == kind]

    async def read(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        return self._answer(Asked("read", operation, dict(parameters), caller))

    async def preview(self, operation: str, parameters: Mapping[str, Any], caller: Caller) -> models.Preview:
        return self._answer(Asked("preview", operation, dict(parameters), caller))

    async def execute(
        self, operation: str, parameters: Mapping[str, Any], caller: Caller, *, idempotency_key: str
    ) -> models.Outcome:
        return self._answer(Asked("execute", operation, dict(parameters), caller, idempotency_key))

    async def for_person(self, person_id: str, *, workspace_id: str, session_id: str, surface: str) -> models.Token:
        asked = {"person_id": person_id, "workspace_id": workspace_id, "session_id": session_id, "surface": surface}
        return self._answer(Asked("for_person", "", asked), models.Token(
            access_token=f"person.{person_id}.token", expires_in=300, permissions=self.permissions
        ))  # fmt: skip

    async def for_step(self, run_id: str, *, step_id: str, digest: str = "") -> models.Token:
        asked = {"run_id": run_id, "step_id": step_id, "digest": digest}
        return self._answer(Asked("for_step", "", asked), models.Token(
            access_token=f"{run_id}.{step_id}.token", expires_in=300, permissions=self.permissions
        ))  # fmt: skip

    def _answer(self, asked: Asked, otherwise: Answer = None) -> Any:
        self.asked.append(asked)
        queue = self._answers.get((asked.kind, asked.operation), [])
        answer = queue.pop(0) if len(queue) > 1 else (queue[0] if queue else otherwise)
        if answer is None:
            raise errors.NotFoundError(f"nothing was scripted for {asked.kind} {asked.operation}")
        if isinstance(answer, errors.ControlPlaneError):
            raise answer
        return answer
