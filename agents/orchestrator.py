"""OrchestrationAgent: an intent becomes a workflow run.

It decomposes nothing in memory: the run, its steps and the approval are rows behind the WorkflowRunner port, so a
restart loses nothing and no step runs although one before it failed.
"""

from collections.abc import Mapping

from agents.agent import Action, ActivityRecorder, BaseAgent, Task, TaskResult
from agents.ports import Refused, Request, Scope, WorkflowRunner
from security.subjects import SecurityContext


class OrchestrationAgent(BaseAgent):
    default_failure_code = "ORCHESTRATION_ERROR"

    def __init__(self, runner: WorkflowRunner, *, recorder: ActivityRecorder) -> None:
        super().__init__("OrchestrationAgent", ("task_decomposition", "workflow_management"), recorder=recorder)
        self._runner = runner

    def actions(self) -> Mapping[str, Action]:
        return {f"workflow:{name}": self._start for name in self._runner.names()}

    async def execute(self, task: Task, context: SecurityContext) -> TaskResult:
        """Start the workflow of ``task["intent"]`` with ``parameters``, ``scope`` and ``trigger``."""
        intent = task.get("intent", "")
        if intent not in self._runner.names():
            result = TaskResult(False, {}, f"No workflow found for intent: {intent}", "WORKFLOW_NOT_FOUND")
            await self.log_activity(f"workflow:{intent}", result, context)
            return result
        return await super().execute({**task, "action": f"workflow:{intent}"}, context)

    async def _start(self, task: Task, context: SecurityContext) -> TaskResult:
        request = Request(
            workflow=task["intent"],
            parameters=task.get("parameters", {}),
            scope=task.get("scope", Scope()),
            trigger=task["trigger"],
            text=str(task.get("text", "")),
        )
        started = await self._runner.start(request, context)
        if isinstance(started, Refused):
            metadata = {"happened": False, "next_step": started.next_step, **started.details}
            return TaskResult(False, {}, started.message, started.code, metadata)
        waiting = "waits for approval" if started.waiting else "was started"
        return TaskResult(True, {"run_id": started.run_id, "waiting": started.waiting}, f"{request.workflow} {waiting}")
