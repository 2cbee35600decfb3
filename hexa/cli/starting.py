"""``hexa demo`` and ``hexa run``: configure, start, say where everything is, serve until a signal."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO
from urllib.parse import urlsplit

from rich.text import Text

from hexa import keys, loading, serverfile, serving, terminal
from hexa.cli import calling
from hexa.cli.errors import CONFIGURATION, CommandError
from hexa.settings import Settings
from observability import logging
from security import redaction

LOG = "hexa.log"
_WIDTH = 62


def serve(settings: Settings, *, demo: bool) -> None:
    """Serve until a signal. The demo writes its log beside its data, so that the terminal stays readable."""
    configuration = loading.load(settings, demo=demo)
    _refuse_second(settings)
    with _log(settings) if demo else nullcontext() as stream:
        logging.configure(redact=redaction.redact_plain, stream=stream, console=False if demo else None)
        asyncio.run(serving.serve(settings, configuration, demo=demo, ready=_told(demo)))


def _log(settings: Settings) -> AbstractContextManager[TextIO]:
    path = keys.private_directory(settings.data_dir) / LOG
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")


def _refuse_second(settings: Settings) -> None:
    """Better told here than by a database that is in use.

    A process number proves nothing: in a container the next process often has the number of the one that was killed,
    so whoever is said to run has to be listening.
    """
    running = serverfile.read(settings.data_dir)
    if running is not None and _listens(running.url):
        raise CommandError(
            f"Hexa already runs for {settings.data_dir} at {running.url} (process {running.pid}).",
            next_step="Stop it first, or set HEXA_DATA_DIR to another directory.",
            code=CONFIGURATION,
        )


def _listens(url: str) -> bool:
    at = urlsplit(url)
    try:
        socket.create_connection((at.hostname, at.port or 80), timeout=1.0).close()
    except OSError:
        return False
    return True


def _told(demo: bool) -> Callable[[serving.Running], None]:
    def ready(running: serving.Running) -> None:
        console = terminal.console()
        for line in _demo_lines(running) if demo else _lines(running):
            console.print(Text(line), soft_wrap=True)

    return ready


def _lines(running: serving.Running) -> Iterator[str]:
    yield f"Hexa is ready at {running.url}"
    if running.slack:
        yield f"  Slack          connected by {running.slack}"
    else:
        yield "  Slack          not connected: set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET (or SLACK_APP_TOKEN)"


def _demo_lines(running: serving.Running) -> Iterator[str]:
    hexa, data = calling.command(), running.core.settings.data_dir
    kubectl = f"kubectl --kubeconfig {calling.shown(running.kubeconfig or data)} -n shop"
    yield from _lines(running)
    yield "  Demo cluster   namespaces shop (production: somebody else approves) and staging"
    yield "  People         alice (operator), bob (approver), carol (viewer), dave (admin)"
    yield f"  Log            {calling.shown(data / LOG)}"
    yield ""
    yield "Try it in another terminal:"
    for words, what in (
        (f'{hexa} ask "deployments in shop"', "what runs, and what does not"),
        (f'{hexa} ask "scale web to 5 in shop" --as alice', "a card waits; nothing has changed"),
        (f"{hexa} approvals", "what waits, and for whom"),
        (f"{hexa} approvals approve RUN --as bob", "alice could not"),
        (f"{kubectl} get deploy web", "the cluster has changed"),
        (f"{hexa} audit verify", "and nobody can deny it"),
    ):
        yield f"  {words.ljust(_WIDTH)}  {what}"
    yield ""
    yield "Ctrl-C stops it; its state stays."
