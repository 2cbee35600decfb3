"""What a stored message looks like right now: its reply, or the card of its run, with people as Slack mentions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agents import replies
from bot import errors
from bot.identity import SlackDirectory
from bot.installation import Installation
from bot.views import message as views
from bot.views.mrkdwn import Mentions, Named, escaped, mention, shortened
from workflows import cards, runs
from workflows.ports import Message, Runs

UNDRESSED = "Slack did not take the full card. It can be seen and decided with hexa approvals."


@dataclass(frozen=True, slots=True)
class Face:
    """A message rendered at *version*. *mood* changes when something happened that everybody waits for."""

    version: int
    mood: str
    rendered: views.Rendered
    undressed: views.Rendered


class Showing:
    """Renders messages."""

    def __init__(
        self, runs_: Runs, directory: SlackDirectory, installation: Installation, clock: Callable[[], datetime]
    ) -> None:
        self._runs = runs_
        self._directory = directory
        self._installation = installation
        self._clock = clock

    async def run_of(self, message: Message) -> runs.Run | None:
        return await self._runs.get(message.run_id) if message.run_id else None

    async def face(self, message: Message) -> Face | None:
        """None when there is nothing to show: the run of a card is gone."""
        if message.kind == "reply":
            reply = replies.Reply.model_validate(message.body)
            return await self._face(message, reply, version=message.wanted, mood="")
        run = await self.run_of(message)
        if run is None:
            return None
        reply = cards.card(run, role=message.role, now=self._clock())
        return await self._face(message, reply, version=run.version, mood=_mood(run))

    async def _face(self, message: Message, reply: replies.Reply, *, version: int, mood: str) -> Face:
        mentions = await self._mentions(message, reply)
        note = UNDRESSED if message.kind == "card" else ""
        name = f"{message.id}:{version}"
        return Face(
            version=version,
            mood=mood,
            rendered=views.render(reply, mentions, name=name, asked=_asked(message)),
            undressed=views.plain(reply, mentions, note=note),
        )

    async def _mentions(self, message: Message, reply: replies.Reply) -> Mentions:
        team = message.place.address.get("team") or self._installation.team_id
        return {each: await self._named(team, each) for each in sorted(views.people(reply))}

    async def _named(self, team: str, person_id: str) -> Named:
        name = await self._directory.name_of(person_id)
        try:
            return Named(name, await self._directory.user_of(team=team, person_id=person_id))
        except errors.SlackUnavailable:
            return Named(name)


def _mood(run: runs.Run) -> str:
    decision = run.approval.decision.value if run.approval else ""
    return f"{decision}:{run.state.value if run.state.final else ''}"


def _asked(message: Message) -> str:
    """A command is invisible to the others in a channel, so its answer quotes it."""
    address = message.place.address
    if not address.get("asked") or not address.get("user"):
        return ""
    who = mention("asker", {"asker": Named(address["user"], address["user"])})
    return f"{who} asked: `{escaped(shortened(address['asked'], 300))}`"
