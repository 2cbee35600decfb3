"""``hexa user``: who is known, and adding somebody by hand."""

from typing import Annotated, Any

import typer

app = typer.Typer(help="See who is known, and add people.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    email: Annotated[str, typer.Argument(help="The e-mail address of the Slack profile.")],
    role: Annotated[list[str], typer.Option("--role", help="viewer, operator, approver, admin or one of your own.")],
    namespace: Annotated[list[str] | None, typer.Option(help="Only in this namespace; repeatable.")] = None,
    name: Annotated[str, typer.Option(help="How to call them.")] = "",
    workspace: Annotated[str, typer.Option(help="Another workspace than the default one.")] = "",
) -> None:
    """Add a person, or give somebody more roles. Roles are held everywhere unless --namespace says where."""
    from hexa.cli.work import perform

    fields: dict[str, Any] = {"email": email, "roles": role, "namespaces": namespace or [], "name": name}
    perform(lambda api: _add(api, {**fields, "workspace": workspace} if workspace else fields))


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List people and their roles."""
    from hexa.cli.work import perform

    perform(lambda api: _list(api, as_json=as_json))


async def _add(api: Any, fields: dict[str, Any]) -> int:
    from hexa import terminal

    person = await api.add_person(**fields)
    terminal.console().print(f"{terminal.visible(person['name'])} is known as {person['id']}: {_roles(person)}.")
    return 0


async def _list(api: Any, *, as_json: bool) -> int:
    from hexa import terminal
    from hexa.cli import showing

    found = await api.people()
    if as_json:
        showing.as_json(found)
    else:
        rows = [[one["id"], one["email"], one["name"], _roles(one)] for one in found]
        showing.table(terminal.console(), ("Id", "E-mail", "Name", "Roles"), rows, empty="Nobody is known yet.")
    return 0


def _roles(person: dict[str, Any]) -> str:
    return "; ".join(f"{one['role']} in {', '.join(one['namespaces'])} ({one['workspace']})" for one in person["roles"])
