"""The ``hexa`` command: what it can do, and nothing else. Sub-commands live in modules of their own."""

from typing import Annotated

import typer

from hexa.cli import approvals, audit, people, runs

SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="hexa",
    help="Operate Kubernetes from Slack and from here; every change waits for a human who sees exactly what happens.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
)
app.add_typer(approvals.app, name="approvals")
app.add_typer(runs.app, name="runs")
app.add_typer(audit.app, name="audit")
app.add_typer(people.app, name="user")

As = Annotated[str, typer.Option("--as", metavar="NAME", help="In whose name: a person's id or e-mail.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def demo() -> None:
    """Start everything on this machine: demo cluster, API, and Slack when it is configured."""
    from hexa.cli import starting
    from hexa.settings import load

    starting.serve(load(), demo=True)


@app.command()
def run() -> None:
    """Start Hexa with the configuration of the environment and hexa.yaml."""
    from hexa.cli import starting
    from hexa.settings import load

    starting.serve(load(), demo=False)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help='What to ask, such as "scale web to 6 in shop" or "help".')],
    who: As = "",
    wait: Annotated[bool, typer.Option(help="Follow a run to its end, its approval included.")] = False,
    as_json: Json = False,
) -> None:
    """Ask Hexa, as one would in Slack; shows the answer, or the card of what waits for approval."""
    from hexa.cli import asking
    from hexa.cli.work import perform

    perform(lambda api: asking.ask(api, text, who=who, wait=wait, as_json=as_json))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(f"hexa {installed('hexa')}")


@app.command()
def manifest() -> None:
    """Print the manifest of the Slack app."""
    from hexa.cli import manifest as slack_app

    typer.echo(slack_app.text(), nl=False)
