"""People through the API: who somebody is that a request names, and adding somebody by hand."""

import re
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from console.api import requests
from console.api.requests import Problem
from console.api.services import Services
from security import audit
from security.subjects import Person, RoleBinding

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,185}\.[^@\s.]{2,63}")
_NAMESPACE = re.compile(r"\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NOT_IN_IDS = re.compile(r"[^a-z0-9._-]+")


async def named(services: Services, name: str) -> Person:
    """The person meant by an id or an e-mail address; nobody is guessed."""
    wanted = name or services.default_person
    if not wanted:
        raise Problem(422, "Who is asking?", "The request names nobody.", next_step="Say who you are: --as NAME")
    lookup = services.bindings.person_by_email if "@" in wanted else services.bindings.person
    person = await lookup(wanted)
    if person is None:
        raise Problem(404, "Unknown person", f"Nobody is known as “{wanted}”.", next_step="See who is: hexa user list")
    return person


class PeopleEndpoints:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def everybody(self, _: web.Request) -> web.Response:
        bindings = self._services.bindings
        people = [_shown(one, await bindings.bindings_of(one.id)) for one in await bindings.people()]
        return web.json_response({"people": people})

    async def add(self, request: web.Request) -> web.Response:
        """``hexa user add``: audited before it takes effect; adding again gives more roles, it takes none away."""
        fields = await requests.body(request)
        email = requests.text(fields, "email", longest=254).lower()
        if not _EMAIL.fullmatch(email) or not email.isprintable():
            raise Problem(422, "Not an e-mail address", f"“{email}” is not an e-mail address.")
        name = requests.text(fields, "name", default="", longest=100)
        if not name.isprintable():
            raise Problem(422, "Not a name", "The name has characters that cannot be shown.")
        bindings = self._bindings(fields)
        person = await self._person(email, name)
        held = tuple(RoleBinding(person.id, *binding) for binding in bindings)
        await self._services.audit.append(*(self._event(person, one) for one in held))
        await self._services.bindings.add(person, held)
        return web.json_response(_shown(person, await self._services.bindings.bindings_of(person.id)), status=201)

    def _bindings(self, fields: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
        workspace = requests.text(fields, "workspace", default=self._services.workspaces[0])
        if workspace not in (*self._services.workspaces, "*"):
            raise Problem(422, "Unknown workspace", f"There is no workspace “{workspace}”.")
        namespaces = requests.texts(fields, "namespaces") or ("*",)
        if wrong := [one for one in namespaces if not _NAMESPACE.fullmatch(one)]:
            raise Problem(422, "Not a namespace", f"“{wrong[0]}” is not the name of a namespace.")
        roles = requests.texts(fields, "roles")
        if not roles:
            raise Problem(422, "No role", "Somebody without a role can do nothing.", next_step=self._known_roles())
        if unknown := [one for one in roles if one not in self._services.roles]:
            raise Problem(422, "Unknown role", f"There is no role “{unknown[0]}”.", next_step=self._known_roles())
        return [(workspace, role, namespaces) for role in roles]

    def _known_roles(self) -> str:
        return f"Use one of {', '.join(sorted(self._services.roles))}"

    async def _person(self, email: str, name: str) -> Person:
        known = await self._services.bindings.person_by_email(email)
        if known is not None:
            return Person(known.id, known.email, name or known.display_name)
        stem = _NOT_IN_IDS.sub("-", email.partition("@")[0]).strip(".-_") or "person"
        taken = {one.id for one in await self._services.bindings.people()}
        free = next(one for one in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)
        return Person(free, email, name)

    def _event(self, person: Person, binding: RoleBinding) -> audit.Event:
        namespaces = list(binding.namespaces)
        return audit.Event(
            type="role_granted",
            workspace_id=self._services.workspaces[0] if binding.workspace_id == "*" else binding.workspace_id,
            actor="owner",  # of the data directory: that is all its token proves
            action="user.add",
            outcome="granted",
            at=self._services.clock(),
            details={
                "person": person.id,
                "email": person.email,
                "role": binding.role,
                "workspace": binding.workspace_id,
                "namespaces": namespaces,
            },
        )


def _shown(person: Person, bindings: Sequence[RoleBinding]) -> dict[str, Any]:
    roles = [{"role": one.role, "workspace": one.workspace_id, "namespaces": list(one.namespaces)} for one in bindings]
    return {"id": person.id, "email": person.email, "name": person.name, "roles": roles}
