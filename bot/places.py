"""Addresses of Slack messages: the one place that knows what the values of `workflows.ports.Place` mean.

thread      a reply under *thread_ts*
session     the conversation of a slash command: its first message becomes the root, later ones go below it
channel     a message of its own, such as in the approvals channel
private     seen by one user only
direct      a direct message to a user
person      a direct message to a person, whose Slack user is looked up
approvers   the card of a new run, to be resolved into the places where approvers see it
"""

from collections.abc import Mapping

from agents.ports import Session
from workflows.ports import Place

SURFACE = "slack"
_COMMAND = "command-"


def thread(*, team: str, channel: str, root: str, user: str = "") -> Place:
    return _place("thread", team=team, channel=channel, thread_ts=root, user=user)


def command(*, team: str, channel: str, session: str, user: str = "", asked: str = "", response_url: str = "") -> Place:
    """*response_url* is sealed."""
    return _place(
        "session", team=team, channel=channel, session=session, user=user, asked=asked, response_url=response_url
    )


def channel(*, team: str, channel: str) -> Place:
    return _place("channel", team=team, channel=channel)


def private(*, team: str, channel: str, user: str, root: str = "", response_url: str = "") -> Place:
    return _place("private", team=team, channel=channel, user=user, thread_ts=root, response_url=response_url)


def direct(*, team: str, user: str) -> Place:
    return _place("direct", team=team, user=user)


def person(*, team: str, person_id: str) -> Place:
    return _place("person", team=team, person=person_id)


def approvers(origin: Place | None) -> Place:
    """*origin* is where the requester asked, None for the console and the CLI."""
    address = dict(origin.address) if origin else {}
    return Place(SURFACE, {**address, "kind": "approvers", "origin": address.get("kind", "")})


def origin_of(place: Place) -> Place | None:
    """The place where the requester of an ``approvers`` row asked."""
    origin = place.address.get("origin", "")
    if not origin:
        return None
    rest = {key: value for key, value in place.address.items() if key != "origin"}
    return Place(SURFACE, {**rest, "kind": origin})


def of_session(session: Session) -> Place | None:
    """Where a session takes place; None when that is not in Slack."""
    if session.surface != SURFACE:
        return None
    team, channel_id, root = session.key.split(":", 2)
    if root.startswith(_COMMAND):
        return command(team=team, channel=channel_id, session=session.id)
    return thread(team=team, channel=channel_id, root=root)


def thread_key(*, team: str, channel: str, root: str) -> str:
    """The session key of a thread."""
    return f"{team}:{channel}:{root}"


def command_key(*, team: str, channel: str, trigger: str) -> str:
    """The session key of a slash command, which has no message of its own yet."""
    return f"{team}:{channel}:{_COMMAND}{trigger}"


def lane(place: Place) -> str:
    """Messages of one lane are posted in order."""
    address = place.address
    names = ("team", "channel", "thread_ts", "session", "user", "person")
    return ":".join(address.get(name, "") for name in names[:4]) if address.get("channel") else _address(address, names)


def _address(address: Mapping[str, str], names: tuple[str, ...]) -> str:
    return ":".join(address.get(name, "") for name in names)


def _place(kind: str, **address: str) -> Place:
    return Place(SURFACE, {"kind": kind, **{key: value for key, value in address.items() if value}})
