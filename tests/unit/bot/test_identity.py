"""Slack users and people: who is let in, and what the others are told."""

from types import SimpleNamespace
from typing import Any

import pytest

from agents import replies
from bot import errors
from bot.identity import Denied, SlackDirectory
from security.subjects import Person
from tests.conftest import FixedClock

ALICE = Person("alice", "alice@example.com", "Alice")


class Bindings:
    def __init__(self, *people: Person) -> None:
        self.people = people

    async def person(self, person_id: str) -> Person | None:
        return next((each for each in self.people if each.id == person_id), None)

    async def person_by_email(self, email: str) -> Person | None:
        return next((each for each in self.people if each.email == email), None)


class Calls:
    """users.info with *traits*; *problem* is raised instead while it is set."""

    def __init__(self, **traits: Any) -> None:
        self.user = {"id": "U1", "team_id": "T1", "profile": {"email": "alice@example.com"}, **traits}
        self.problem: Exception | None = None
        self.made: list[str] = []

    async def call(self, method: str, **_: Any) -> dict[str, Any]:
        self.made.append(method)
        if self.problem:
            raise self.problem
        return {"user": self.user}


def directory(calls: Calls, clock: FixedClock, *people: Person, teams: frozenset[str] = frozenset()) -> SlackDirectory:
    installed: Any = SimpleNamespace(team_id="T1")
    return SlackDirectory(calls, Bindings(*people), installed, teams=teams, clock=clock)  # type: ignore[arg-type]


def said(answer: Person | Denied) -> str:
    assert isinstance(answer, Denied)
    below = [replies.plain(each.text) for each in answer.reply.elements if isinstance(each, replies.Paragraph)]
    return " ".join([answer.reply.fallback, *below])


async def test_a_member_is_the_person_with_their_e_mail(clock):
    """Nothing else connects the two."""
    assert await directory(Calls(), clock, ALICE).who(team="T1", user="U1") == ALICE


@pytest.mark.parametrize(
    ("traits", "reason"),
    [
        ({"is_bot": True}, "bots"),
        ({"deleted": True}, "deactivated"),
        ({"is_stranger": True}, "another Slack workspace"),
        ({"team_id": "T2"}, "another Slack workspace"),
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"profile": {}}, "users:read.email"),
    ],
)
async def test_others_are_refused_whatever_their_e_mail_says(clock, traits, reason):
    """Each with a sentence that tells why."""
    assert reason in said(await directory(Calls(**traits), clock, ALICE).who(team="T1", user="U1"))


@pytest.mark.parametrize(("team", "user_team"), [("T2", ""), ("T1", "T2")])
async def test_other_teams_are_refused_without_a_look_up(clock, team, user_team):
    """Where it happened and where the person is from both count."""
    calls = Calls()

    answer = await directory(calls, clock, ALICE).who(team=team, user="U1", user_team=user_team)

    assert "I am installed in" in said(answer)
    assert calls.made == []


async def test_a_stranger_gets_the_exact_line(clock):
    """To be pasted by an admin."""
    assert "hexa user add alice@example.com --role viewer" in said(
        await directory(Calls(), clock).who(team="T1", user="U1")
    )


async def test_a_hostile_e_mail_is_not_put_into_a_command(clock):
    """The line is pasted into a shell."""
    calls = Calls(profile={"email": "a@b;$(rm)"})

    assert "hexa user add <email> --role viewer" in said(await directory(calls, clock).who(team="T1", user="U1"))


async def test_who_cannot_be_looked_up_now_is_neither_known_nor_refused(clock):
    """Slack is down: whoever asks decides how long to wait."""
    calls = Calls()
    calls.problem = errors.SlackUnavailable("users.info", "x")

    with pytest.raises(errors.SlackUnavailable):
        await directory(calls, clock, ALICE).who(team="T1", user="U1")


async def test_a_look_up_that_is_refused_refuses_and_is_not_remembered(clock):
    """The next try looks again."""
    calls = Calls()
    calls.problem = errors.SlackRefused("users.info", "missing_scope")
    known = directory(calls, clock, ALICE)
    first = await known.who(team="T1", user="U1")
    calls.problem = None

    assert "could not check who you are" in said(first)
    assert await known.who(team="T1", user="U1") == ALICE


async def test_profiles_are_remembered_five_minutes_and_refusals_half_one(clock):
    """A guest who became a member does not wait long."""
    calls = Calls()
    known = directory(calls, clock, ALICE)
    for seconds in (0, 299, 2):
        clock.advance(seconds)
        await known.who(team="T1", user="U1")
    guest = Calls(is_restricted=True)
    refused = directory(guest, clock, ALICE)
    for seconds in (0, 29, 2):
        clock.advance(seconds)
        await refused.who(team="T1", user="U1")

    assert (len(calls.made), len(guest.made)) == (2, 2)


async def test_a_person_removed_from_the_configuration_is_refused_at_once(clock):
    """Only Slack's answer is remembered, never who may do what."""
    known = directory(Calls(), clock, ALICE)
    await known.who(team="T1", user="U1")
    known._bindings = Bindings()

    assert isinstance(await known.who(team="T1", user="U1"), Denied)


async def test_somebody_seen_is_found_when_the_look_up_by_e_mail_is_refused(clock):
    """As without the scope for e-mail look-ups."""
    calls = Calls()
    known = directory(calls, clock, ALICE)
    await known.who(team="T1", user="U1")
    calls.problem = errors.SlackRefused("users.lookupByEmail", "users_not_found")

    assert await known.user_of(team="T1", person_id="alice") == "U1"
    assert await known.user_of(team="T1", person_id="nobody") == ""
