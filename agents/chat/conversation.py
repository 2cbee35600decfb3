"""A message from any surface becomes an answer: session, token and context, then the UserChatAgent.

The surface has already verified who speaks and mapped them to a person. Nothing is written here but the session's
history; asking twice with the same trigger starts nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents import replies
from agents.chat.agent import UserChatAgent
from agents.ports import Session, Sessions, Turn, WorkingSet
from controlplane.contract import errors as cp
from controlplane.contract.operations import TokenExchange
from security.subjects import SecurityContext

MAX_QUESTION = 12_000


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody said, and where. *key* names the conversation within its surface; *trigger* is unique to the
    message and the same when it is delivered again.
    """

    surface: str
    key: str
    workspace_id: str
    person_id: str
    text: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Either a reply, or a run whose cards were stored with it."""

    session_id: str
    reply: replies.Reply | None
    run_id: str = ""


class Conversation:
    def __init__(
        self,
        *,
        sessions: Sessions,
        tokens: TokenExchange,
        agent: UserChatAgent,
        clock: Callable[[], datetime],
        redact: Callable[[str], str],
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._agent = agent
        self._clock = clock
        self._redact = redact

    async def ask(self, question: Question) -> Answer:
        """Answer one message; failures come back as replies that name cause and next step."""
        session = await self._sessions.open(
            surface=question.surface, key=question.key, workspace_id=question.workspace_id
        )
        try:
            context = await self._context(question, session)
        except cp.ControlPlaneError as problem:
            return Answer(session.id, unavailable(problem))
        text = question.text[:MAX_QUESTION]
        task = {"action": "chat", "query": text, "trigger": question.trigger, "working": session.working}
        result = await self._agent.execute(task, context)
        answer = Answer(session.id, self._clean(result.data.get("reply")), result.data.get("run_id", ""))
        await self._remember(session, text, result.message, result.data.get("working"))
        return answer

    def _clean(self, reply: replies.Reply | None) -> replies.Reply | None:
        """The reply without secrets, also those that whoever asked has typed."""
        return replies.Reply.model_validate(_each(reply.model_dump(), self._redact)) if reply else None

    async def _context(self, question: Question, session: Session) -> SecurityContext:
        token = await self._tokens.for_person(
            question.person_id,
            workspace_id=question.workspace_id,
            session_id=session.id,
            surface=question.surface,
        )
        return SecurityContext(
            user_id=question.person_id,
            workspace_id=question.workspace_id,
            jwt_token=token.access_token,
            permissions=token.permissions,
            session_id=session.id,
            request_id=question.trigger,
        )

    async def _remember(self, session: Session, asked: str, answered: str, working: WorkingSet | None) -> None:
        now = self._clock()
        turns = (Turn("user", self._redact(asked), now), Turn("hexa", self._redact(answered), now))
        await self._sessions.append(session.id, turns, working=working)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with every text changed, at any depth."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each(one, change) for name, one in value.items()}
    return [_each(one, change) for one in value] if isinstance(value, list | tuple) else value


def unavailable(problem: cp.ControlPlaneError) -> replies.Reply:
    if isinstance(problem, cp.PermissionDeniedError):
        return replies.error(str(problem))
    return replies.error(
        "I cannot work right now: ",
        str(problem),
        next_step=replies.text("Nothing was changed. Please ask again in a moment."),
    )
