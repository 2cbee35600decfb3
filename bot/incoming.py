"""What Slack sends, as inbox items: pure functions from a payload to what has to be kept, or a reason why not.

Every item has keys under which the same thing may arrive again. A mention in a channel the bot is in comes as
app_mention and as message, under two event ids; both carry the key of the message itself. A response_url is a
capability and is sealed before it is stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bot import text
from workflows.ports import InboxItem

Body = Mapping[str, Any]


class Unstored(Enum):
    """What is answered at once and not kept."""

    IGNORED = "ignored"  #: not for us: other bots, edits, chatter
    LISTENED = "listened"  #: for a listener, from cached data


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Turns bodies into items. *bot_user* tells the id of our own user as far as it is known yet."""

    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    seal: Callable[[str], str]
    bot_user: Callable[[str], str]
    teams: frozenset[str] = field(default_factory=frozenset)

    def __call__(self, body: Body) -> InboxItem | Unstored:
        if self.teams and not self.teams & teams_of(body):
            return Unstored.IGNORED
        match body.get("type"):
            case "event_callback":
                return self._event(body)
            case "block_actions":
                return self._action(body)
            case "message_action":
                return self._shortcut(body)
            case None if "command" in body:
                return self._command(body)
        return Unstored.LISTENED

    def _event(self, body: Body) -> InboxItem | Unstored:
        event = body.get("event")
        if not isinstance(event, dict) or event.get("type") not in {"message", "app_mention"}:
            return Unstored.LISTENED
        team = str(body.get("team_id") or event.get("team") or "")
        bot = _bot_of(body) or self.bot_user(team)
        if not _said_by_a_person(event, bot) or not _for_us(event, bot):
            return Unstored.IGNORED
        channel, ts = str(event["channel"]), str(event["ts"])
        root = str(event.get("thread_ts") or ts)
        said = str(event.get("text") or "")
        payload = {
            "team": team,
            "channel": channel,
            "user": str(event["user"]),
            "user_team": str(event.get("user_team") or event.get("team") or team),
            "ts": ts,
            "root": root,
            "text": text.clean(said, bot_user=bot),
            "direct": event.get("channel_type") == "im",
            "mentioned": event.get("type") == "app_mention" or text.mentions(said, bot),
            "shared": bool(body.get("is_ext_shared_channel")),
        }
        keys = (f"slack:event:{team}:{body.get('event_id')}", f"slack:message:{team}:{channel}:{ts}")
        return self._item("message", f"slack:{team}:{channel}:{root}", keys, payload)

    def _command(self, body: Body) -> InboxItem | Unstored:
        team, channel, user = (str(body.get(name) or "") for name in ("team_id", "channel_id", "user_id"))
        trigger = str(body.get("trigger_id") or "")
        if not (team and channel and user and trigger):
            return Unstored.IGNORED
        payload = {
            "team": team,
            "channel": channel,
            "user": user,
            "user_team": team,
            "text": text.clean(str(body.get("text") or "")),
            "command": str(body["command"]),
            "trigger": trigger,
            "direct": body.get("channel_name") == "directmessage",
            "response_url": self._sealed(body),
        }
        name = f"slack:{team}:command:{trigger}"
        return self._item("command", name, (name,), payload)

    def _action(self, body: Body) -> InboxItem | Unstored:
        action = _first(body.get("actions"))
        if not str(action.get("action_id", "")).startswith("approval."):
            return Unstored.LISTENED
        user, container, message = (_mapping(body.get(name)) for name in ("user", "container", "message"))
        team = str(_mapping(body.get("team")).get("id") or user.get("team_id") or "")
        channel = str(_mapping(body.get("channel")).get("id") or container.get("channel_id") or "")
        ts = str(message.get("ts") or container.get("message_ts") or "")
        trigger = str(body.get("trigger_id") or f"{ts}:{user.get('id')}:{action.get('action_ts')}")
        payload = {
            "team": team,
            "channel": channel,
            "user": str(user.get("id") or ""),
            "user_team": str(user.get("team_id") or ""),
            "ts": ts,
            "root": str(message.get("thread_ts") or container.get("thread_ts") or ts),
            "action": str(action["action_id"]),
            "value": str(action.get("value") or ""),
            "direct": _mapping(body.get("channel")).get("name") == "directmessage" or channel.startswith("D"),
            "response_url": self._sealed(body),
        }
        name = f"slack:{team}:action:{trigger}"
        return self._item("action", name, (name,), payload)

    def _shortcut(self, body: Body) -> InboxItem | Unstored:
        user, message = _mapping(body.get("user")), _mapping(body.get("message"))
        team = str(_mapping(body.get("team")).get("id") or "")
        channel, ts = str(_mapping(body.get("channel")).get("id") or ""), str(message.get("ts") or "")
        trigger = str(body.get("trigger_id") or "")
        if not (team and channel and ts and trigger and user.get("id")):
            return Unstored.LISTENED
        payload = {
            "team": team,
            "channel": channel,
            "user": str(user["id"]),
            "user_team": str(user.get("team_id") or team),
            "ts": ts,
            "root": str(message.get("thread_ts") or ts),
            "direct": channel.startswith("D"),
            "response_url": self._sealed(body),
        }
        name = f"slack:{team}:shortcut:{trigger}"
        return self._item("shortcut", name, (name,), payload)

    def _sealed(self, body: Body) -> str:
        url = body.get("response_url")
        return self.seal(str(url)) if url else ""

    def _item(self, kind: str, lane: str, keys: tuple[str, ...], payload: dict[str, Any]) -> InboxItem:
        return InboxItem(id=self.new_id(), lane=lane, kind=kind, keys=keys, payload=payload, received_at=self.clock())


def teams_of(body: Body) -> set[str]:
    """The teams a body speaks for: where it happened and where the app is installed."""
    team = body.get("team")
    found = [body.get("team_id"), team.get("id") if isinstance(team, dict) else team]
    found += [each.get("team_id") for each in body.get("authorizations") or [] if isinstance(each, dict)]
    return {str(each) for each in found if each}


def _bot_of(body: Body) -> str:
    """Our own user id as Slack tells it with every event."""
    for each in body.get("authorizations") or []:
        if isinstance(each, dict) and each.get("is_bot") and each.get("user_id"):
            return str(each["user_id"])
    return ""


#: A file or a copy to the channel comes with what a person said; every other subtype is no request.
_SPOKEN_SUBTYPES = {None, "", "file_share", "thread_broadcast"}


def _said_by_a_person(event: Body, bot: str) -> bool:
    if event.get("bot_id") or event.get("app_id") or event.get("hidden") or event.get("edited"):
        return False
    if event.get("subtype") not in _SPOKEN_SUBTYPES or not event.get("channel") or not event.get("ts"):
        return False
    return bool(event.get("user")) and event.get("user") != bot


def _for_us(event: Body, bot: str) -> bool:
    said = str(event.get("text") or "")
    if event.get("type") == "app_mention" or event.get("channel_type") == "im" or text.mentions(said, bot):
        return True
    in_thread = event.get("thread_ts") not in {None, "", event.get("ts")}
    return in_thread and not text.addressed_to_other(said, bot)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Mapping[str, Any]:
    return _mapping(value[0]) if isinstance(value, list) and value else {}
