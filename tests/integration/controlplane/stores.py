"""Security ports in memory, just enough for the control plane, with the ways they can fail."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from security import audit, errors, ports, subjects


class Audit:
    """*broken* refuses every record; *break_on* only those of one type."""

    def __init__(self) -> None:
        self.events: list[audit.Event] = []
        self.broken = False
        self.break_on = ""

    async def append(self, *events: audit.Event) -> None:
        if self.broken or any(one.type == self.break_on for one in events):
            raise errors.AuditUnavailableError
        self.events.extend(events)

    async def records(self, workspace_id: str, *, after: int = 0) -> AsyncIterator[audit.Record]:
        for one in ():
            yield one

    async def workspaces(self) -> Sequence[str]:
        if self.broken:
            raise errors.AuditUnavailableError
        return sorted({one.workspace_id for one in self.events})

    def of(self, kind: str) -> list[audit.Event]:
        return [one for one in self.events if one.type == kind]


class Bindings:
    """People are those with an entry; permissions are what the entry says at this moment."""

    def __init__(self, **held: tuple[str, ...]) -> None:
        self.held = held

    async def person(self, person_id: str) -> subjects.Person | None:
        return subjects.Person(person_id, f"{person_id}@example.com") if person_id in self.held else None

    async def person_by_email(self, email: str) -> subjects.Person | None:
        return await self.person(email.partition("@")[0])

    async def people(self) -> Sequence[subjects.Person]:
        return [subjects.Person(one, f"{one}@example.com") for one in self.held]

    async def bindings_of(self, person_id: str) -> Sequence[subjects.RoleBinding]:
        return []

    async def permissions_of(self, person_id: str, workspace_id: str) -> Sequence[str]:
        return self.held.get(person_id, ())

    async def add(self, person: subjects.Person, bindings: Sequence[subjects.RoleBinding]) -> None:
        self.held.setdefault(person.id, ())

    async def replace_configured(
        self, people: Sequence[subjects.Person], bindings: Sequence[subjects.RoleBinding]
    ) -> None:
        return


class Ledger:
    def __init__(self) -> None:
        self.grants: dict[str, ports.Grant] = {}

    async def grant(self, run_id: str) -> ports.Grant | None:
        return self.grants.get(run_id)


class Effects:
    def __init__(self) -> None:
        self.rows: dict[str, ports.Effect] = {}

    async def start(self, effect: ports.Effect) -> ports.Effect | None:
        earlier = self.rows.get(effect.key)
        if earlier is None:
            self.rows[effect.key] = effect
        return earlier

    async def finish(self, key: str, *, at: datetime, result: dict[str, Any]) -> None:
        self.rows[key] = replace(self.rows[key], finished_at=at, result=result)

    async def abandon(self, key: str) -> None:
        if key in self.rows and self.rows[key].finished_at is None:
            del self.rows[key]

    async def finished_on(self, run_id: str, target_uid: str) -> int:
        found = [one for one in self.rows.values() if one.run_id == run_id and one.target_uid == target_uid]
        return sum(one.finished_at is not None for one in found)
