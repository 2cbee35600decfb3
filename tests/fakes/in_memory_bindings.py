"""People and roles in memory; what is configured is replaced as a whole, what was added stays."""

from collections.abc import Mapping, Sequence

from security import permissions
from security.subjects import Person, RoleBinding


class InMemoryRoleBindings:
    def __init__(self, *, roles: Mapping[str, Sequence[str]] = permissions.SHIPPED_ROLES) -> None:
        self._roles = roles
        self._people: dict[str, dict[str, Person]] = {"added": {}, "configured": {}}
        self._bindings: dict[str, list[RoleBinding]] = {"added": [], "configured": []}

    async def person(self, person_id: str) -> Person | None:
        return self._known().get(person_id)

    async def person_by_email(self, email: str) -> Person | None:
        wanted = email.strip().lower()
        for source in ("configured", "added"):
            for one in self._people[source].values():
                if wanted and one.email.strip().lower() == wanted:
                    return one
        return None

    async def people(self) -> Sequence[Person]:
        return [one for _, one in sorted(self._known().items())]

    async def bindings_of(self, person_id: str) -> Sequence[RoleBinding]:
        found = [one for held in self._bindings.values() for one in held if one.person_id == person_id]
        return sorted(found, key=lambda one: (one.workspace_id, one.role))

    async def permissions_of(self, person_id: str, workspace_id: str) -> Sequence[str]:
        if person_id not in self._known():
            return ()
        held = await self.bindings_of(person_id)
        return permissions.effective(held, workspace_id=workspace_id, roles=self._roles)

    async def everyones_permissions(self, workspace_id: str) -> Mapping[str, Sequence[str]]:
        return {person_id: await self.permissions_of(person_id, workspace_id) for person_id in sorted(self._known())}

    async def add(self, person: Person, bindings: Sequence[RoleBinding]) -> None:
        self._people["added"][person.id] = person
        new = {(one.person_id, one.workspace_id, one.role) for one in bindings}
        kept = [one for one in self._bindings["added"] if (one.person_id, one.workspace_id, one.role) not in new]
        self._bindings["added"] = [*kept, *merged(bindings)]

    async def replace_configured(self, people: Sequence[Person], bindings: Sequence[RoleBinding]) -> None:
        self._people["configured"] = {one.id: one for one in people}
        self._bindings["configured"] = merged(bindings)

    def _known(self) -> dict[str, Person]:
        return {**self._people["added"], **self._people["configured"]}


def merged(bindings: Sequence[RoleBinding]) -> list[RoleBinding]:
    together: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in bindings:
        together.setdefault((one.person_id, one.workspace_id, one.role), {}).update(dict.fromkeys(one.namespaces))
    return [RoleBinding(*key, tuple(namespaces)) for key, namespaces in together.items()]
