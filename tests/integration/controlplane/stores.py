"""Security ports in memory, just enough for the control plane, with the ways they can fail."""

from collections.abc import Sequence

from security import audit, errors, ports, subjects
from tests.fakes.in_memory_audit import InMemoryAuditLog


class Audit(InMemoryAuditLog):
    """The chained fake with its events as they were given; *break_on* refuses those of one type."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[audit.Event] = []
        self.break_on = ""

    async def append(self, *events: audit.Event) -> None:
        if any(one.type == self.break_on for one in events):
            raise errors.AuditUnavailableError
        await super().append(*events)
        self.written.extend(events)

    async def workspaces(self) -> Sequence[str]:
        self.check()
        return await super().workspaces()

    def of(self, kind: str) -> list[audit.Event]:
        return [one for one in self.written if one.type == kind]


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
