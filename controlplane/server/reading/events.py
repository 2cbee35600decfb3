"""Events, newest last. Field selectors pass a list of fields the API server knows, so an error is told early."""

import re
from typing import Any

from controlplane.contract import errors, models
from controlplane.server.clusters import port
from controlplane.server.look import Look

FETCHED = 3000
MOST_EVENTS = 500
FIELDS = (
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.uid",
    "metadata.name",
    "reason",
    "source",
    "type",
)
_TERM = re.compile(r"([A-Za-z.]+)(==|=|!=)([A-Za-z0-9_./-]+)")


async def get_events(parameters: models.GetEvents, look: Look) -> dict[str, Any]:
    terms = [_checked(term) for term in parameters.field_selector.split(",") if term]
    if parameters.object_name:
        terms.append(f"involvedObject.name={parameters.object_name}")
    ref = port.events(parameters.namespace)
    found, more = await look.items(ref, field_selector=",".join(terms), limit=FETCHED)
    items = sorted((_event(one, look) for one in found), key=lambda one: (one["last_seen"], one["first_seen"]))
    return {"items": items[-MOST_EVENTS:], "truncated": more or len(items) > MOST_EVENTS}


def _checked(term: str) -> str:
    match = _TERM.fullmatch(term)
    if match is None or match.group(1) not in FIELDS:
        raise errors.InvalidRequestError(
            f"Events cannot be selected by {term!r}. Known fields: {', '.join(FIELDS)}.",
            details={"problems": [{"field": "field_selector", "message": "has a field that is not known"}]},
        )
    return term


def _event(event: dict[str, Any], look: Look) -> dict[str, Any]:
    about = event.get("involvedObject") or {}
    series = event.get("series") or {}
    created = (event.get("metadata") or {}).get("creationTimestamp") or ""
    first = event.get("firstTimestamp") or event.get("eventTime") or created
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or first
    return {
        "type": event.get("type", ""),
        "reason": event.get("reason", ""),
        "object": f"{about.get('kind', '')}/{about.get('name', '')}",
        "message": look.redact(event.get("message") or ""),
        "count": int(event.get("count") or series.get("count") or 1),
        "first_seen": first,
        "last_seen": last,
    }
