"""Hexa's Slack adapter between a real database and the Slack double; conversation and decisions are scripted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from agents import replies
from agents.chat.conversation import Answer, Question
from bot.service import SlackService
from bot.settings import SlackSettings
from security.subjects import Person, RoleBinding
from storage.engine import Database
from storage.signals import MESSAGES
from storage.stores import Stores, open_stores
from tests.fixtures.slack import SlackDouble
from workflows import runs
from workflows.approvals import Verdict
from workflows.ports import Ruling

PEOPLE = tuple(Person(name, f"{name}@example.com", name.title()) for name in ("alice", "bob", "carol"))


class Conversation:
    """Says what it heard; a test may replace `answer`."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self.asked: list[Question] = []
        self.answer: Callable[[Question, str], Awaitable[Answer]] = self._echo

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        session = await self._house.stores.sessions.open(
            surface=question.surface, key=question.key, workspace_id=question.workspace_id
        )
        return await self.answer(question, session.id)

    async def _echo(self, question: Question, session_id: str) -> Answer:
        return Answer(session_id, replies.reply("I heard: ", replies.code(question.text)))


class Decisions:
    """bob decides; everybody else is told so."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self.may_decide = {"bob"}
        self.calls: list[tuple[str, str]] = []

    async def approvers(self, run: runs.Run) -> list[Person]:
        return [person for person in PEOPLE if person.id in self.may_decide]

    async def decide(self, *, run_id: str, person_id: str, decision: str, surface: str, reason: str = "") -> Verdict:
        self.calls.append((person_id, decision))
        run = await self._house.stores.runs.get(run_id)
        if run is None or run.approval is None:
            return Verdict(False, replies.error("unknown request"))
        if person_id not in self.may_decide:
            return Verdict(False, replies.error("You may not decide this; bob may."))
        ruling = Ruling(runs.Decision(decision), person_id, datetime.now(UTC))
        if not await self._house.stores.approvals.decide(run.approval.id, ruling, events=[]):
            return Verdict(False, replies.error("This was decided already."))
        return Verdict(True, replies.reply("Decided."))


class Dispatcher:
    """Drives lanes at once, one turn at a time per lane."""

    def __init__(self) -> None:
        self.drive: Callable[[str], Awaitable[None]] | None = None
        self.advanced: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def turn(self, lane: str) -> None:
        assert self.drive is not None
        before = self._tasks.get(lane)
        self._tasks[lane] = asyncio.create_task(self._run(lane, before))

    async def _run(self, lane: str, before: asyncio.Task[None] | None) -> None:
        if before:
            await asyncio.wait({before})
        await self.drive(lane)

    def advance(self, run_id: str) -> None:
        self.advanced.append(run_id)

    def interrupt(self, subject: str) -> None: ...

    async def idle(self) -> None:
        if self._tasks:
            await asyncio.gather(*self._tasks.values())

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@dataclass
class House:
    """Start with `async with House(tmp_path) as house`."""

    path: Path
    transport: str = "http"
    settings: dict[str, Any] = field(default_factory=dict)
    autostart: bool = True
    """False: the double and the database are there, Hexa is not started."""

    async def __aenter__(self) -> Self:
        self.slack = await SlackDouble(transport=self.transport).start()  # type: ignore[arg-type]
        self.database = await Database.open(self.path / "hexa.db")
        roles = {"viewer": ["pods.list"]}
        self.stores: Stores = await open_stores(
            self.database, audit_key=b"k" * 32, roles=roles, clock=lambda: datetime.now(UTC)
        )
        bindings = [RoleBinding(person.id, "default", "viewer") for person in PEOPLE]
        await self.stores.bindings.replace_configured(PEOPLE, bindings)
        self.conversation, self.decisions = Conversation(self), Decisions(self)
        self._runner: web.AppRunner | None = None
        self.service: SlackService | None = None
        if self.autostart:
            await self.start()
        return self

    async def start(self) -> None:
        self.dispatcher = Dispatcher()
        socket = self.transport == "socket"
        settings = SlackSettings(
            **{
                "bot_token": self.slack.bot_token,
                "signing_secrets": () if socket else (self.slack.signing_secret,),
                "app_token": self.slack.app_token if socket else "",
                "api_url": self.slack.api_url,
                **self.settings,
            }
        )
        self.service = SlackService(
            settings,
            inbox=self.stores.inbox,
            messages=self.stores.messages,
            runs=self.stores.runs,
            sessions=self.stores.sessions,
            bindings=self.stores.bindings,
            conversation=self.conversation,
            decisions=self.decisions,
            dispatcher=self.dispatcher,
            changed=self._changed(),
            clock=lambda: datetime.now(UTC),
            seal=lambda text: text[::-1],
            unseal=lambda text: text[::-1],
            audit_log=self.stores.audit,
        )
        self.dispatcher.drive = self.service.turn
        await self.service.start()
        await self._serve()

    async def _serve(self) -> None:
        assert self.service is not None
        application = web.Application()
        application.add_routes(self.service.routes())
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.slack.target = f"http://{host}:{port}/slack/events"
        if self.transport == "socket":
            await self.slack.wait_for_socket()

    def _changed(self) -> Callable[[float], Awaitable[object]]:
        seen = 0

        async def changed(timeout: float) -> None:
            nonlocal seen
            seen = await self.stores.changed.wait(MESSAGES, seen, timeout)

        return changed

    async def stop(self) -> None:
        """As a process ends: what runs is cut off."""
        if self.service is not None:
            await self.dispatcher.stop()
            await self.service.stop(grace=0)
            assert self._runner is not None
            await self._runner.cleanup()
            self.service = None

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.slack.stop()
        await self.database.close()

    async def ask_for_change(self, question: Question, session_id: str) -> Answer:
        """An answer that is a run waiting for bob; use as `conversation.answer`."""
        session = await self.stores.sessions.get(session_id)
        assert session is not None
        assert self.service is not None
        run = waiting_run(f"run-{len(self.conversation.asked)}", session_id, question.person_id)
        messages = self.service.placing.cards(run, session)
        await self.stores.runs.create(run, messages=messages, events=[])
        return Answer(session_id, None, run.id)


def waiting_run(run_id: str, session_id: str, requester: str, *, title: str = "Scale web to 6") -> runs.Run:
    now = datetime.now(UTC)
    planned = runs.PlannedStep(
        id="scale", name="Scale web", agent="kubernetes", action="scale_deployment", parameters={}
    )
    plan = runs.Plan(
        workflow="scale_application", title=title, verb="Scale to 6", parameters={}, workspace_id="default",
        cluster="demo", namespace="shop", environment="prod", requester_id=requester, policy_version="1", steps=(planned,),
        digest="d" * 64, approvers=("bob",),
    )  # fmt: skip
    approval = runs.Approval(
        id=f"{run_id}-approval", run_id=run_id, digest=plan.digest, decision=runs.Decision.PENDING, use=runs.Use.UNUSED,
        rules=runs.ApprovalRules(1, False, 3600, 900, "prod"), created_at=now, expires_at=now + timedelta(hours=1),
    )  # fmt: skip
    return runs.Run(
        id=run_id, session_id=session_id, plan=plan, state=runs.RunState.WAITING, epoch=0, created_at=now,
        steps=(runs.Step(id="scale", state=runs.StepState.PENDING),), approval=approval,
    )  # fmt: skip
