"""Agents, planner, decisions, engine and conversation, put together on stores and a control-plane client."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents import replies
from agents.agent import ActivityRecorder, BaseAgent
from agents.chat.agent import UserChatAgent
from agents.chat.conversation import Conversation
from agents.kubernetes import KubernetesAgent
from agents.monitoring import MonitoringAgent
from agents.orchestrator import OrchestrationAgent
from agents.ports import Session
from agents.validation import ValidationAgent
from controlplane.client.http import HttpControlPlane
from hexa.configuration import Configuration
from observability import logging, tracing
from observability.activity import ActivityRecorder as Recorder
from security import redaction
from security.subjects import SecurityContext
from storage.dispatch.inprocess import InProcessDispatcher
from storage.stores import Stores
from workflows import approvals, engine, executing, listings, planner, ports, runs, starting, template
from workflows.estate import Workspace

log = logging.logger("aiops.hexa")


class Places:
    """Placing for all surfaces together; each adds its own when it is there."""

    def __init__(self) -> None:
        self.surfaces: list[ports.Placing] = []

    def cards(self, run: runs.Run, session: Session) -> Sequence[ports.Message]:
        return [one for surface in self.surfaces for one in surface.cards(run, session)]

    def outcome(self, run: runs.Run, session: Session, reply: replies.Reply) -> Sequence[ports.Message]:
        return [one for surface in self.surfaces for one in surface.outcome(run, session, reply)]


class Turns:
    """The drive of inbox lanes; a lane's name begins with its surface."""

    def __init__(self) -> None:
        self.surfaces: dict[str, ports.Drive] = {}

    async def __call__(self, lane: str) -> None:
        drive = self.surfaces.get(lane.partition(":")[0])
        if drive is None:
            log.warning("nobody serves this lane now; its items stay until somebody does", lane=lane)
            return
        await drive(lane)


@dataclass(frozen=True, slots=True)
class Given:
    """What everything here is made of."""

    configuration: Configuration
    stores: Stores
    client: HttpControlPlane
    recorder: Recorder
    clock: Callable[[], datetime]
    checkpoint: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made; surfaces add themselves to *places* and *turns* before the dispatcher is started."""

    conversation: Conversation
    decisions: approvals.Decisions
    dispatcher: InProcessDispatcher
    places: Places
    turns: Turns


class _Late:
    """The dispatcher drives the engine and the engine is driven by it: one of them has to come later."""

    engine: engine.Engine
    decisions: approvals.Decisions

    async def advance(self, run_id: str) -> None:
        with logging.context(run_id=run_id):
            await self.engine.advance(run_id)

    async def expire(self, approval: runs.Approval) -> None:
        await self.decisions.expire(approval)


def assemble(given: Given) -> Parts:
    workers, late, turns, places = _workers(given.client, given.recorder), _Late(), Turns(), Places()
    plans = _planner(given, workers)
    dispatcher = _dispatcher(given, turns, late)
    shared: dict[str, Any] = {
        "planner": plans,
        "sessions": given.stores.sessions,
        "bindings": given.stores.bindings,
        "placing": places,
        "clock": given.clock,
        "store": given.stores.runs,
    }
    audited = {**shared, "audit_log": given.stores.audit, "dispatcher": dispatcher}
    flows = starting.Workflows(trace=tracing.inject, **audited)
    late.decisions = approvals.Decisions(approvals=given.stores.approvals, **audited)
    late.engine = engine.Engine(
        tokens=given.client,
        decisions=late.decisions,
        workflows=flows,
        steps=executing.StepRunner(agents=workers, tokens=given.client, clock=given.clock),
        checkpoint=given.checkpoint,
        watched=_watching(given.recorder),
        **shared,
    )
    return Parts(_conversation(given, workers, flows), late.decisions, dispatcher, places, turns)


def _workers(client: HttpControlPlane, recorder: ActivityRecorder) -> dict[str, BaseAgent]:
    made: Sequence[BaseAgent] = (
        KubernetesAgent(client, recorder=recorder),
        ValidationAgent(client, recorder=recorder),
        MonitoringAgent(client, recorder=recorder),
    )
    return {one.name: one for one in made}


def _planner(given: Given, workers: Mapping[str, BaseAgent]) -> planner.Planner:
    configuration = given.configuration
    return planner.Planner(
        templates=template.load([template.SHIPPED], actions={name: one.actions() for name, one in workers.items()}),
        agents=workers,
        operations=given.client,
        policy=configuration.policy_set(),
        estate={one.id: Workspace(one.id, configuration.clusters_of(one.id)) for one in configuration.workspaces},
    )


def _dispatcher(given: Given, turns: Turns, late: _Late) -> InProcessDispatcher:
    stores = given.stores
    return InProcessDispatcher(
        turn=turns,
        advance=late.advance,
        expire=late.expire,
        inbox=stores.inbox,
        runs=stores.runs,
        approvals=stores.approvals,
        changed=stores.changed,
        clock=given.clock,
    )


def _conversation(given: Given, workers: Mapping[str, BaseAgent], flows: starting.Workflows) -> Conversation:
    chat = UserChatAgent(
        kubernetes=workers["KubernetesAgent"],
        orchestrator=OrchestrationAgent(flows, recorder=given.recorder),
        recorder=given.recorder,
        listings=listings.Listings(store=given.stores.runs, approvals=given.stores.approvals).handlers(),
    )
    return Conversation(
        sessions=given.stores.sessions,
        tokens=given.client,
        agent=chat,
        clock=given.clock,
        redact=redaction.redact,
    )


def _watching(recorder: Recorder) -> Callable[[runs.Run], AbstractContextManager[Any]]:
    def watched(run: runs.Run) -> AbstractContextManager[Any]:
        context = SecurityContext(
            user_id=run.plan.requester_id,
            workspace_id=run.plan.workspace_id,
            jwt_token="",
            permissions=(),
            session_id=run.session_id,
            request_id=run.request_id,
        )
        return recorder.trace_workflow_execution(run.plan.workflow, context, link=run.trace_context)

    return watched
