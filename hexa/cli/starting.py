"""``hexa demo`` and ``hexa run``: configure, start, say where everything is, serve until a signal."""

import asyncio
from collections.abc import Callable, Iterator

from rich.text import Text

from hexa import loading, serverfile, serving, terminal
from hexa.cli.errors import CONFIGURATION, CommandError
from hexa.settings import Settings
from observability import logging
from security import redaction


def serve(settings: Settings, *, demo: bool) -> None:
    configuration = loading.load(settings, demo=demo)
    _refuse_second(settings)
    logging.configure(redact=redaction.redact_plain)
    asyncio.run(serving.serve(settings, configuration, demo=demo, ready=_told(demo)))


def _refuse_second(settings: Settings) -> None:
    """Better told here than by a database that is in use."""
    running = serverfile.read(settings.data_dir)
    if running is not None:
        raise CommandError(
            f"Hexa already runs for {settings.data_dir} at {running.url} (process {running.pid}).",
            next_step="Stop it first, or set HEXA_DATA_DIR to another directory.",
            code=CONFIGURATION,
        )


def _told(demo: bool) -> Callable[[serving.Running], None]:
    def ready(running: serving.Running) -> None:
        console = terminal.console()
        for line in _demo_lines(running) if demo else _lines(running):
            console.print(Text(line))

    return ready


def _lines(running: serving.Running) -> Iterator[str]:
    yield f"Hexa is ready at {running.url}"
    if running.slack:
        yield f"  Slack          connected by {running.slack}"
    else:
        yield "  Slack          not connected: set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET (or SLACK_APP_TOKEN)"


def _demo_lines(running: serving.Running) -> Iterator[str]:
    yield from _lines(running)
    yield f"  Demo cluster   kubectl --kubeconfig {running.kubeconfig} -n shop get deployments"
    yield "  People         alice (operator), bob (approver), carol (viewer), dave (admin)"
    yield ""
    yield "Try it in another terminal:"
    yield '  hexa ask "deployments in shop" --as alice'
    yield '  hexa ask "scale web to 5 in shop" --as alice'
    yield "  hexa approvals                    what waits, and for whom"
    yield "  hexa approvals approve ID --as bob"
    yield "  hexa audit verify"
    yield ""
    yield "Ctrl-C stops it; its state stays."
