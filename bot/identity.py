"""Who is this Slack user? Mapped by e-mail to a person of the configuration, or refused with a sentence that helps.

Nothing but Slack's own payload and users.info is believed. Guests, bots, strangers and people of other companies
are refused whatever their e-mail says, and a look-up that fails refuses too.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents import replies
from bot import errors
from bot.caching import AgingCache
from bot.calls import SlackCalls
from bot.installation import Installation
from security.ports import RoleBindings
from security.subjects import Person

logger = logging.getLogger("aiops.slack")

KNOWN_FOR = 300.0
UNKNOWN_FOR = 30.0
LISTED = 1000
_ADDRESS = re.compile(r"[^\s@'\"`$;|&<>\\]+@[^\s@'\"`$;|&<>\\]+")


@dataclass(frozen=True, slots=True)
class Denied:
    """Why somebody is not served, said to them alone; *code* is for the audit log."""

    reply: replies.Reply
    code: str


@dataclass(frozen=True, slots=True)
class _Profile:
    email: str
    refusal: str = ""


class SlackDirectory:
    """Slack users and people, both ways."""

    def __init__(
        self,
        calls: SlackCalls,
        bindings: RoleBindings,
        installation: Installation,
        *,
        teams: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._calls = calls
        self._bindings = bindings
        self._installation = installation
        self._teams = teams
        self._profiles: AgingCache[tuple[str, str], _Profile] = AgingCache(clock)
        self._users: AgingCache[tuple[str, str], str] = AgingCache(clock)
        self._seen: dict[tuple[str, str], str] = {}

    async def who(self, *, team: str, user: str, user_team: str = "") -> Person | Denied:
        """The person behind a Slack user, or why they are not served; SlackUnavailable when Slack does not say."""
        ours = self._teams or frozenset(each for each in (self._installation.team_id,) if each)
        if (ours and team not in ours) or (user_team and user_team != team and user_team not in ours):
            return denied("I only work for members of the Slack workspace I am installed in.", code="other_team")
        try:
            profile = await self._profile(team, user)
        except errors.SlackRefused as problem:
            logger.warning("cannot look up Slack user %s: %s", user, problem)
            return unchecked()
        if profile.refusal:
            return denied(profile.refusal, code="not_a_full_member")
        person = await self._bindings.person_by_email(profile.email)
        if person is None:
            return stranger(profile.email)
        self._seen[team, person.id] = user
        return person

    async def user_of(self, *, team: str, person_id: str) -> str:
        """The Slack user of a person, empty when there is none; raises SlackUnavailable when Slack does not say."""
        if (cached := self._users.get((team, person_id))) is not None:
            return cached
        found = await self._looked_up(person_id) or self._seen.get((team, person_id), "")
        return self._users.put((team, person_id), found, seconds=KNOWN_FOR if found else UNKNOWN_FOR)

    async def name_of(self, person_id: str) -> str:
        person = await self._bindings.person(person_id)
        return person.name if person else person_id

    async def _profile(self, team: str, user: str) -> _Profile:
        if (cached := self._profiles.get((team, user))) is not None:
            return cached
        answer = await self._calls.call("users.info", team=team, user=user)
        profile = _read(answer.get("user") or {}, team)
        return self._profiles.put((team, user), profile, seconds=UNKNOWN_FOR if profile.refusal else KNOWN_FOR)

    async def _looked_up(self, person_id: str) -> str:
        person = await self._bindings.person(person_id)
        if person is None or not person.email:
            return ""
        try:
            answer = await self._calls.call("users.lookupByEmail", email=person.email)
        except errors.SlackRefused as refusal:
            if refusal.code == errors.UNKNOWN_METHOD:
                return await self._listed(person.email)
            logger.info("no Slack user for %s: %s", person_id, refusal.code)
            return ""
        return _usable(answer["user"]) if answer.get("user") else await self._listed(person.email)

    async def _listed(self, email: str) -> str:
        """The user with this e-mail among the first of the team, for a server that cannot look one up."""
        try:
            answer = await self._calls.call("users.list", limit=LISTED)
        except errors.SlackRefused:
            return ""
        for user in answer.get("members") or ():
            if str((user.get("profile") or {}).get("email", "")).lower() == email.lower():
                return _usable(user)
        return ""


def _usable(user: Mapping[str, Any]) -> str:
    return "" if user.get("deleted") or user.get("is_bot") else str(user.get("id", ""))


def _read(user: Mapping[str, Any], team: str) -> _Profile:
    profile = user.get("profile") or {}
    email = str(profile.get("email") or "")
    return _Profile(email, refusal=_refusal(user, team, email))


def _refusal(user: Mapping[str, Any], team: str, email: str) -> str:
    if user.get("is_bot") or user.get("is_workflow_bot"):
        return "I do not take requests from bots and apps."
    if user.get("deleted"):
        return "This Slack account is deactivated, so I do not act for it."
    if user.get("is_stranger") or user.get("team_id", team) != team:
        return "You belong to another Slack workspace; I only work for members of this one."
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "I do not take requests from guest accounts. Ask a full member of this Slack workspace."
    if not email:
        return (
            "I cannot see your e-mail address, which is how I know people. Somebody who manages the Slack app has to "
            "grant it users:read.email."
        )
    return ""


def denied(sentence: str, next_step: str = "", *, code: str) -> Denied:
    return Denied(replies.error(sentence, next_step=replies.text(next_step) if next_step else ()), code)


def unchecked() -> Denied:
    """A look-up that fails refuses."""
    return denied(
        "I could not check who you are, so nothing was done.", "Please try again in a minute.", code="lookup_failed"
    )


def stranger(email: str) -> Denied:
    """Somebody Slack vouches for and hexa.yaml does not know: the exact line an admin has to run."""
    address = email if _ADDRESS.fullmatch(email) else "<email>"
    line = f"hexa user add {address} --role viewer"
    step = replies.text("An admin can add you: ", replies.code(line))
    return Denied(replies.error("I do not know you yet.", next_step=step), "unknown_person")
