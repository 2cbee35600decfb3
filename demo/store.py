"""Where objects live: a dictionary for reading, SQLite for surviving, a short history for watchers.

Every write is committed before it is visible to anyone, so an acknowledged change outlives kill -9 (WAL with
synchronous=NORMAL: safe against a dead process, which is what a demo meets). One process owns the file; everything
runs on the event loop's thread, so a read followed by a write needs no lock. Objects handed out are shared: copy
before changing.
"""

import copy
import json
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import errors
from demo.objects import Clock, Obj, dig, name_of, namespace_of, stamp
from demo.resources import Resource

HISTORY = 2_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Change:
    version: int
    type: str
    resource: str
    object: Obj
    previous: Obj | None


class Store:
    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._clock = clock
        self._database = _open(path)
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self._history: deque[Change] = deque()
        self._subscribers: list[Callable[[Change], None]] = []
        for resource, namespace, name, body in self._database.execute("SELECT * FROM object"):
            self._objects.setdefault(resource, {})[namespace, name] = json.loads(body)
        self.version = int(self.fact("version") or "1")
        self._floor = self.version

    def close(self) -> None:
        self._database.close()

    def fact(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, facts: dict[str, str]) -> None:
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", facts.items())

    def get(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        return self._objects.get(resource.key, {}).get((namespace, name))

    def listed(self, resource: Resource, namespace: str = "") -> list[Obj]:
        """The objects of one namespace, or of all, in the order of their keys."""
        kept = self._objects.get(resource.key, {})
        return [kept[key] for key in sorted(kept) if namespace in ("", key[0])]

    def count(self, resource: Resource) -> int:
        return len(self._objects.get(resource.key, {}))

    def create(self, resource: Resource, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Keep a new object; metadata the caller has set already (as the seed does) stays."""
        if self.get(resource, namespace_of(obj), name_of(obj)) is not None:
            raise errors.already_exists(resource, name_of(obj))
        fresh = copy.deepcopy(obj)
        meta: Obj = fresh["metadata"]
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", stamp(self._clock()))
        if resource.counts_generations:
            meta.setdefault("generation", 1)
        if dry_run:
            meta.pop("resourceVersion", None)
            return fresh
        return self._write("ADDED", resource, fresh, None)

    def update(self, resource: Resource, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Replace an object. What changes nothing is not written; the generation counts changes of spec."""
        current = self.get(resource, namespace_of(obj), name_of(obj))
        if current is None:
            raise errors.not_found(resource, name_of(obj))
        fresh = copy.deepcopy(obj)
        fresh["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        if resource.counts_generations:
            bump = fresh.get("spec") != current.get("spec")
            fresh["metadata"]["generation"] = dig(current, "metadata", "generation", default=1) + bump
        if fresh == current:
            return current
        return fresh if dry_run else self._write("MODIFIED", resource, fresh, current)

    def delete(self, resource: Resource, namespace: str, name: str) -> Obj:
        current = self.get(resource, namespace, name)
        if current is None:
            raise errors.not_found(resource, name)
        return self._write("DELETED", resource, copy.deepcopy(current), current)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back on each change, in order, after it is committed; returns what ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def changes_since(self, version: int) -> list[Change]:
        if version < self._floor or version > self.version:
            raise errors.expired(version)
        return [change for change in self._history if change.version > version]

    def _write(self, kind: str, resource: Resource, obj: Obj, previous: Obj | None) -> Obj:
        version = self.version + 1
        obj["metadata"]["resourceVersion"] = str(version)
        key = (namespace_of(obj), name_of(obj))
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO fact VALUES ('version', ?)", (str(version),))
            if kind == "DELETED":
                row: tuple[str, ...] = (resource.key, *key)
                self._database.execute("DELETE FROM object WHERE resource = ? AND namespace = ? AND name = ?", row)
            else:
                row = (resource.key, *key, json.dumps(obj))
                self._database.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?)", row)
        self.version = version
        if kind == "DELETED":
            del self._objects[resource.key][key]
        else:
            self._objects.setdefault(resource.key, {})[key] = obj
        self._publish(Change(version, kind, resource.key, obj, previous))
        return obj

    def _publish(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > HISTORY:
            self._floor = self._history.popleft().version
        for callback in tuple(self._subscribers):
            callback(change)


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    database = sqlite3.connect(path, timeout=1.0)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.OperationalError as cause:
        database.close()
        raise errors.FolderInUseError from cause
    return database
