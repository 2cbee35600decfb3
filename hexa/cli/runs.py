"""``hexa runs``: what was asked for lately, and what became of it."""

from typing import Annotated, Any

import typer

app = typer.Typer(help="See runs and what became of them.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        listed()


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List the latest runs, newest first."""
    from hexa.cli.work import perform

    perform(lambda api: _list(api, as_json=as_json))


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The run; the first characters of its id are enough.")],
    as_json: Json = False,
) -> None:
    """Show the card of a run: what it changes, who decided, how far it is."""
    from hexa.cli.work import perform

    perform(lambda api: _show(api, run_id, as_json=as_json))


async def _list(api: Any, *, as_json: bool) -> int:
    from hexa import terminal
    from hexa.cli import showing

    found = await api.runs()
    if as_json:
        showing.as_json(found)
    else:
        columns = ("Run", "State", "What", "Asked by", "Where", "Created")
        showing.table(terminal.console(), columns, showing.run_rows(found), empty="There are no runs yet.")
    return 0


async def _show(api: Any, run_id: str, *, as_json: bool) -> int:
    from hexa import terminal
    from hexa.cli import showing

    matching = [one["run_id"] for one in await api.runs() if one["run_id"].startswith(run_id)]
    found = await api.run(matching[0] if len(matching) == 1 else run_id)
    if as_json:
        showing.as_json(found)
        return 0
    console = terminal.console()
    showing.reply(console, found["card"])
    run = found["run"]
    if run["state"] == "waiting":
        showing.how_to_decide(console, {"run_id": run["id"], "approvers": run["plan"].get("approvers", [])})
    return 0
