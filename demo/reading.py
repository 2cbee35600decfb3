"""Get and list: selectors, pages, presentation."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from demo import errors, selectors, views
from demo.objects import Obj, name_of, namespace_of
from demo.paths import Target
from demo.presentation import Presentation
from demo.selectors import Predicate
from demo.store import Store


@dataclass(frozen=True, slots=True)
class Selection:
    """The objects a list or watch is about."""

    target: Target
    labels: Predicate
    fields: Predicate

    @classmethod
    def of(cls, target: Target, query: Mapping[str, str]) -> "Selection":
        labels = selectors.labels(query.get("labelSelector", ""))
        return cls(target, labels, selectors.fields(query.get("fieldSelector", ""), target.resource))

    def holds(self, obj: Obj | None) -> bool:
        if obj is None or self.target.namespace not in ("", namespace_of(obj)):
            return False
        if self.target.name not in ("", name_of(obj)):
            return False
        shown = views.shaped(self.target.resource, obj)
        return self.labels(shown) and self.fields(obj)

    def items(self, store: Store) -> list[Obj]:
        return [obj for obj in store.listed(self.target.resource, self.target.namespace) if self.holds(obj)]


def get(store: Store, target: Target) -> Obj:
    obj = store.get(target.resource, target.namespace, target.name)
    if obj is None:
        raise errors.not_found(target.resource, target.name)
    return obj


def page(store: Store, target: Target, query: Mapping[str, str], presentation: Presentation) -> Obj:
    """One page of a list. Every page carries the version of the first, so a watch from there misses nothing."""
    items = Selection.of(target, query).items(store)
    version, after = store.version, ("", "")
    if token := query.get("continue"):
        version, after = _read_token(token)
        items = [item for item in items if (namespace_of(item), name_of(item)) > after]
    meta: Obj = {"resourceVersion": str(version)}
    limit = _number(query, "limit")
    if 0 < limit < len(items):
        rest, items = len(items) - limit, items[:limit]
        meta["continue"] = _token(version, items[-1])
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            meta["remainingItemCount"] = rest
    return presentation.many(items, meta)


def flag(query: Mapping[str, str], name: str) -> bool:
    """A switch in the query string, read as Go does: there and neither 0 nor false (clients write True, true, 1)."""
    return name in query and query[name].lower() not in ("0", "false")


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "") or "0"
    if not text.isdecimal():
        raise errors.bad_request(f"invalid {name}: {text!r} is not a number")
    return int(text)


def _token(version: int, last: Obj) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, namespace_of(last), name_of(last)]).encode()).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except (ValueError, TypeError, binascii.Error) as cause:
        raise errors.bad_request("continue key is not valid") from cause
