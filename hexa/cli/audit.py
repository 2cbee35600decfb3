"""``hexa audit``: prove that the audit trail was not altered, and read it. The database is opened for reading only."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="Verify and read the audit trail.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Workspace = Annotated[str, typer.Option(help="Only this workspace.")]


@app.command()
def verify(workspace: Workspace = "", as_json: Json = False) -> None:
    """Check every chain against its keys and anchors; leaves with 1 when anything was altered."""
    from hexa.cli import auditing
    from hexa.settings import load

    raise typer.Exit(asyncio.run(auditing.verify(load(), workspace=workspace, as_json=as_json)))


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many records.")] = 20,
    workspace: Workspace = "",
    as_json: Json = False,
) -> None:
    """Print the latest records, oldest first."""
    from hexa.cli import auditing
    from hexa.settings import load

    raise typer.Exit(asyncio.run(auditing.tail(load(), lines=lines, workspace=workspace, as_json=as_json)))
