"""UserChatAgent: the conversational interface. Here it answers by the command grammar, with no model involved.

A reading intent is answered at once through the KubernetesAgent; an intent that would change something goes to the
OrchestrationAgent, which can only plan and ask for approval.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from agents import replies
from agents.agent import Action, ActivityRecorder, BaseAgent, Task, TaskResult, next_step
from agents.chat import answers, grammar
from agents.chat.commands import Intent, Unclear
from agents.ports import Scope, WorkingSet
from security.subjects import SecurityContext

Reader = Callable[[Intent, SecurityContext], Awaitable[replies.Reply]]
Listing = Callable[[SecurityContext], Awaitable[replies.Reply]]
WITHOUT_PLACE = frozenset({"help", "whoami", "approvals", "runs"})


class UserChatAgent(BaseAgent):
    """Primary conversational interface for users. *listings* answer commands about approvals and runs, which agents
    know nothing of.
    """

    default_failure_code = "CHAT_PROCESSING_ERROR"

    def __init__(
        self,
        *,
        kubernetes: BaseAgent,
        orchestrator: BaseAgent,
        recorder: ActivityRecorder,
        listings: Mapping[str, Listing],
    ) -> None:
        super().__init__("UserChatAgent", ("conversation", "intent_recognition"), recorder=recorder)
        self._kubernetes = kubernetes
        self._orchestrator = orchestrator
        self._readers: Mapping[str, Reader] = {
            "help": self._help,
            "whoami": self._whoami,
            "status": self._status,
            "deployments": self._deployments,
            "pods": self._pods,
            "logs": self._logs,
            "events": self._events,
            **{name: _about_nothing(listing) for name, listing in listings.items()},
        }

    def actions(self) -> Mapping[str, Action]:
        return {"chat": self._chat}

    async def _chat(self, task: Task, context: SecurityContext) -> TaskResult:
        """Answer ``task["query"]``. Data: ``reply`` (none when a run shows its own card), ``run_id``, ``intent``,
        ``working`` (the new working set) and the specification's ``response`` and ``action_taken``.
        """
        understood = grammar.parse(str(task.get("query", "")))
        if isinstance(understood, Unclear):
            return _answered(answers.unclear(understood), {"intent": {"type": None, "confidence": 0.0}})
        intent = _in_place(understood, task.get("working") or WorkingSet())
        if intent.requires_action:
            return await self._act(intent, task, context)
        if intent.type not in WITHOUT_PLACE and not intent.namespace:
            asked = Unclear("In which namespace?", f"{intent.type} in shop")
            return _answered(answers.unclear(asked), {"intent": _plain(intent)})
        try:
            reply = await self._readers[intent.type](intent, context)
        except _NoAnswerError as problem:
            return _answered(problem.reply, {"intent": _plain(intent)}, success=False, code=problem.code)
        return _answered(reply, {"intent": _plain(intent), "working": _working(intent)})

    async def _act(self, intent: Intent, task: Task, context: SecurityContext) -> TaskResult:
        order = {
            "intent": intent.type,
            "parameters": dict(intent.parameters),
            "scope": Scope(cluster=intent.cluster, namespace=intent.namespace),
            "trigger": task["trigger"],
            "text": task.get("query", ""),
        }
        result = await self._orchestrator.execute(order, context)
        data: dict[str, Any] = {"intent": _plain(intent), "working": _working(intent), "action_taken": result.success}
        if result.success:
            return TaskResult(True, {**data, **result.data, "response": result.message}, result.message)
        step = str(result.metadata.get("next_step", ""))
        unchanged = result.error_code == "NO_CHANGE"
        reply = replies.reply(result.message) if unchanged else replies.error(result.message, next_step=_text(step))
        return _answered(reply, data, success=unchanged, code=None if unchanged else result.error_code)

    async def _help(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        return answers.helping(str(intent.parameters.get("topic", "")), context.permissions)

    async def _whoami(self, _intent: Intent, context: SecurityContext) -> replies.Reply:
        return answers.whoami(context.user_id, context.workspace_id, context.permissions)

    async def _status(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        name = intent.parameters.get("name")
        if not name:
            return await self._deployments(intent, context)
        return answers.status(await self._read("get_deployment_status", intent, context, deployment_name=name))

    async def _deployments(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        if name := intent.parameters.get("name"):
            return answers.status(await self._read("get_deployment_status", intent, context, deployment_name=name))
        return answers.deployments(await self._read("list_deployments", intent, context), intent.namespace)

    async def _pods(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        data = await self._read("get_pods", intent, context)
        return answers.pods(data, intent.namespace, str(intent.parameters.get("name", "")))

    async def _events(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        data = await self._read("get_events", intent, context)
        return answers.events(data, intent.namespace, str(intent.parameters.get("name", "")))

    async def _logs(self, intent: Intent, context: SecurityContext) -> replies.Reply:
        """Logs of a pod, or of the pod of a workload that needs attention most."""
        name, parameters = str(intent.parameters["name"]), intent.parameters
        pods = await self._read("get_pods", intent, context)
        found = answers.worst_first([one for one in pods["items"] if answers.belongs(one, name)])
        if not found:
            near = sorted({str(one["name"]) for one in pods["items"]})[:5]
            hint = f"Pods there: {', '.join(near)}." if near else "There are no pods."
            raise _NoAnswerError(
                replies.error(f"There is no pod or workload {name} in {intent.namespace}.", next_step=_text(hint)),
                "GET_LOGS_FAILED",
            )
        pod = str(found[0]["name"])
        wanted = {
            "lines": parameters["lines"],
            "previous": parameters["previous"],
            "container": parameters["container"],
        }
        data = await self._read("get_logs", intent, context, pod_name=pod, **wanted)
        return answers.logs(data, pod, previous=bool(parameters["previous"]))

    async def _read(self, action: str, intent: Intent, context: SecurityContext, **more: Any) -> dict[str, Any]:
        place = {"namespace": intent.namespace, "cluster": intent.cluster}
        result = await self._kubernetes.execute({**place, **more, "action": action}, context)
        if result.success:
            return result.data
        hint = next_step(result.message, str(result.metadata.get("kind", "")), result.metadata)
        raise _NoAnswerError(replies.error(result.message, next_step=_text(hint)), result.error_code)


def _about_nothing(listing: Listing) -> Reader:
    async def read(_intent: Intent, context: SecurityContext) -> replies.Reply:
        return await listing(context)

    return read


class _NoAnswerError(Exception):
    def __init__(self, reply: replies.Reply, code: str | None) -> None:
        super().__init__(reply.fallback)
        self.reply = reply
        self.code = code


def _in_place(intent: Intent, working: WorkingSet) -> Intent:
    """A question without a place is about the place of the conversation; a change never is."""
    if intent.requires_action or intent.type in WITHOUT_PLACE:
        return intent
    return replace(intent, namespace=intent.namespace or working.namespace, cluster=intent.cluster or working.cluster)


def _working(intent: Intent) -> WorkingSet | None:
    if not intent.namespace:
        return None
    name = intent.parameters.get("deployment_name") or intent.parameters.get("name")
    return WorkingSet(intent.cluster, intent.namespace, (str(name),) if name else ())


def _answered(
    reply: replies.Reply, data: dict[str, Any], *, success: bool = True, code: str | None = None
) -> TaskResult:
    return TaskResult(
        success, {"action_taken": False, **data, "reply": reply, "response": reply.fallback}, reply.fallback, code
    )


def _plain(intent: Intent) -> dict[str, Any]:
    return {
        "type": intent.type,
        "parameters": dict(intent.parameters),
        "confidence": intent.confidence,
        "requires_action": intent.requires_action,
    }


def _text(value: str) -> replies.Text:
    return replies.text(value) if value else ()
