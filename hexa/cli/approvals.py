"""``hexa approvals``: what waits for a decision, and deciding it."""

from typing import Annotated, Any

import typer

app = typer.Typer(help="See what waits for a decision, approve or reject it.", rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="The run; the first characters of its id are enough.")]
As = Annotated[str, typer.Option("--as", metavar="NAME", help="In whose name: a person's id or e-mail.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        listed()


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List the runs that wait for a decision, oldest first."""
    from hexa.cli.work import perform

    perform(lambda api: _list(api, as_json=as_json))


@app.command()
def approve(
    run_id: Id,
    who: As = "",
    wait: Annotated[bool, typer.Option(help="Follow the run to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Approve a run: what its card shows is what runs."""
    from hexa.cli.work import perform

    perform(lambda api: _decide(api, run_id, "approve", who=who, wait=wait, as_json=as_json))


@app.command()
def reject(
    run_id: Id,
    reason: Annotated[str, typer.Option(help="Why, for the requester.")] = "",
    who: As = "",
    as_json: Json = False,
) -> None:
    """Reject a run; nothing of it is done."""
    from hexa.cli.work import perform

    perform(lambda api: _decide(api, run_id, "reject", who=who, reason=reason, as_json=as_json))


async def _list(api: Any, *, as_json: bool) -> int:
    from hexa import terminal
    from hexa.cli import showing

    found = await api.approvals()
    if as_json:
        showing.as_json(found)
    else:
        columns = ("Run", "What", "Asked by", "Where", "May approve", "Expires")
        empty = "Nothing waits for a decision."
        showing.table(terminal.console(), columns, showing.waiting_rows(found), empty=empty)
    return 0


async def _decide(
    api: Any, run_id: str, decision: str, *, who: str, reason: str = "", wait: bool = False, as_json: bool
) -> int:
    from hexa import terminal
    from hexa.cli import showing

    found = await _meant(api, run_id)
    verdict = await api.decide(found, decision, who=who, reason=reason)
    console = terminal.console()
    if as_json:
        showing.as_json(verdict)
    else:
        showing.reply(console, verdict["reply"])
    if not verdict["accepted"]:
        return 1
    follow = decision == "approve" and (wait or api.local) and not as_json  # a core of our own must not stop midway
    return await showing.follow(console, api, found) if follow else 0


async def _meant(api: Any, prefix: str) -> str:
    """The whole id of a waiting run; anything else is passed on, and the server says what it is."""
    from hexa.cli.errors import USAGE, CommandError

    matching = [str(one["run_id"]) for one in await api.approvals() if one["run_id"].startswith(prefix)]
    if len(matching) > 1:
        raise CommandError(f"Several waiting runs begin with {prefix}", next_step="Give more of the id.", code=USAGE)
    return matching[0] if matching else prefix
