"""Where the answer to an inbox item goes: into its thread, or to the asker alone.

In a direct message everything is alone already, so nothing is ephemeral there: an ephemeral message is gone after a
reload. In a channel an ephemeral reply appears below a message only when there is a thread already.
"""

from collections.abc import Mapping
from typing import Any

from agents import replies
from bot import places
from workflows.ports import InboxItem, Message, Place

Payload = Mapping[str, Any]


def openly(payload: Payload, *, session: str) -> Place:
    """In the conversation: the thread, or for a command the session that has no message yet."""
    where = {"team": payload["team"], "channel": payload["channel"], "user": payload["user"]}
    if "root" in payload:
        return places.thread(root=payload["root"], **where)
    asked = f"{payload['command']} {payload['text']}".strip()
    return places.command(session=session, asked=asked, response_url=payload["response_url"], **where)


def privately(payload: Payload) -> Place:
    """To the one who asked."""
    if payload.get("direct") and "root" in payload:
        where = {"team": payload["team"], "channel": payload["channel"], "user": payload["user"]}
        return places.thread(root=payload["root"], **where)
    return to_clicker(payload)


def to_clicker(payload: Payload) -> Place:
    """To the one who clicked and nobody else, also where the click claims to come from somebody's direct message."""
    where = {"team": payload["team"], "channel": payload["channel"], "user": payload["user"]}
    has_thread = "root" in payload and payload["root"] != payload["ts"]
    root = payload["root"] if has_thread else ""
    return places.private(root=root, response_url=payload.get("response_url", ""), **where)


def message(item: InboxItem, name: str, reply: replies.Reply, place: Place, *, id_: str) -> Message:
    """An answer whose key is made of the item, so that it exists once however often the item is taken."""
    body = reply.model_dump(mode="json")
    return Message(id=id_, key=f"slack:inbox:{item.id}:{name}", kind="reply", place=place, body=body)
