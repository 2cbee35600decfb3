"""People and their roles as rows. Each row has a source: ``configured`` ones are replaced as a whole when the
configuration is loaded, ``added`` ones stay. Somebody known from both has the bindings of both; the configuration
says how they are called.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from security import permissions, subjects
from storage.engine import Database
from storage.tables.people import person, role_binding

CONFIGURED: Final = "configured"
ADDED: Final = "added"

# "configured" sorts after "added", so descending puts it first
_BY_ID = select(person).where(person.c.id == bindparam("of_id")).order_by(person.c.source.desc()).limit(1)
_BY_EMAIL = select(person).where(person.c.email == bindparam("of_email")).order_by(person.c.source.desc()).limit(1)
_EVERYBODY = select(person).order_by(person.c.id, person.c.source)
_BINDINGS = (
    select(role_binding)
    .where(role_binding.c.person_id == bindparam("of_person"))
    .order_by(role_binding.c.workspace_id, role_binding.c.role, role_binding.c.source)
)
_EVERYONES = (
    select(role_binding)
    .where(role_binding.c.person_id.in_(select(person.c.id)))
    .order_by(role_binding.c.person_id, role_binding.c.workspace_id, role_binding.c.role, role_binding.c.source)
)
_EVERY_ID = select(person.c.id).distinct().order_by(person.c.id)
_PERSON = insert_or(person)
_PERSON = _PERSON.on_conflict_do_update(
    index_elements=["id", "source"],
    set_={name: _PERSON.excluded[name] for name in ("email", "shown_email", "display_name")},
)
_BINDING = insert_or(role_binding)
_BINDING = _BINDING.on_conflict_do_update(
    index_elements=["person_id", "source", "workspace_id", "role"], set_={"namespaces": _BINDING.excluded.namespaces}
)
_FORGET = (
    delete(role_binding).where(role_binding.c.source == CONFIGURED),
    delete(person).where(person.c.source == CONFIGURED),
)


class SqlRoleBindings:
    """``security.ports.RoleBindings``. *roles* maps the names of roles to their permissions."""

    def __init__(self, database: Database, *, roles: Mapping[str, Sequence[str]]) -> None:
        self._database = database
        self._roles = roles

    async def person(self, person_id: str) -> subjects.Person | None:
        return await self._first(_BY_ID, {"of_id": person_id})

    async def person_by_email(self, email: str) -> subjects.Person | None:
        return await self._first(_BY_EMAIL, {"of_email": _folded(email)})

    async def people(self) -> Sequence[subjects.Person]:
        def work(connection: Connection) -> list[subjects.Person]:
            return list({row.id: _person(row) for row in connection.execute(_EVERYBODY)}.values())

        return await self._database.read(work)

    async def bindings_of(self, person_id: str) -> Sequence[subjects.RoleBinding]:
        return await self._database.read(lambda connection: _bindings(connection, person_id))

    async def permissions_of(self, person_id: str, workspace_id: str) -> Sequence[str]:
        def work(connection: Connection) -> Sequence[str]:
            if connection.execute(_BY_ID, {"of_id": person_id}).first() is None:
                return ()
            held = _bindings(connection, person_id)
            return permissions.effective(held, workspace_id=workspace_id, roles=self._roles)

        return await self._database.read(work)

    async def everyones_permissions(self, workspace_id: str) -> Mapping[str, Sequence[str]]:
        def work(connection: Connection) -> dict[str, Sequence[str]]:
            held: dict[str, list[subjects.RoleBinding]] = {who: [] for who in connection.execute(_EVERY_ID).scalars()}
            for row in connection.execute(_EVERYONES):
                held[row.person_id].append(_binding(row))
            return {
                who: permissions.effective(bindings, workspace_id=workspace_id, roles=self._roles)
                for who, bindings in held.items()
            }

        return await self._database.read(work)

    async def add(self, person: subjects.Person, bindings: Sequence[subjects.RoleBinding]) -> None:
        await self._database.write(lambda connection: _store(connection, ADDED, [person], bindings))

    async def replace_configured(
        self, people: Sequence[subjects.Person], bindings: Sequence[subjects.RoleBinding]
    ) -> None:
        def work(connection: Connection) -> None:
            for statement in _FORGET:
                connection.execute(statement)
            _store(connection, CONFIGURED, people, bindings)

        await self._database.write(work)

    async def _first(self, statement: Any, values: Mapping[str, Any]) -> subjects.Person | None:
        def work(connection: Connection) -> subjects.Person | None:
            row = connection.execute(statement, values).one_or_none()
            return None if row is None else _person(row)

        return await self._database.read(work)


def _store(
    connection: Connection, source: str, people: Sequence[subjects.Person], bindings: Sequence[subjects.RoleBinding]
) -> None:
    if people:
        connection.execute(_PERSON, [_person_row(each, source) for each in people])
    rows = _binding_rows(bindings, source)
    if rows:
        connection.execute(_BINDING, rows)


def _bindings(connection: Connection, person_id: str) -> list[subjects.RoleBinding]:
    rows = connection.execute(_BINDINGS, {"of_person": person_id})
    return [_binding(row) for row in rows]


def _binding(row: Any) -> subjects.RoleBinding:
    return subjects.RoleBinding(row.person_id, row.workspace_id, row.role, tuple(row.namespaces))


def _person(row: Any) -> subjects.Person:
    return subjects.Person(row.id, row.shown_email, row.display_name)


def _person_row(one: subjects.Person, source: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "source": source,
        "email": _folded(one.email) or None,
        "shown_email": one.email,
        "display_name": one.display_name,
    }


def _binding_rows(bindings: Iterable[subjects.RoleBinding], source: str) -> list[dict[str, Any]]:
    """One row per person, workspace and role; namespaces named in several bindings come together."""
    merged: dict[tuple[str, str, str], dict[str, None]] = {}
    for one in bindings:
        namespaces = merged.setdefault((one.person_id, one.workspace_id, one.role), {})
        namespaces.update(dict.fromkeys(one.namespaces))
    return [
        {"person_id": who, "source": source, "workspace_id": where, "role": role, "namespaces": list(namespaces)}
        for (who, where, role), namespaces in merged.items()
    ]


def _folded(email: str) -> str:
    return email.strip().lower()
