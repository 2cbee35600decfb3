"""Structured logs: one JSON object per line on stderr, or coloured lines on a terminal.

Every record, ours or a library's, passes the redaction that the composition root injects: observability is the lowest
layer and does not know security. A record that cannot be formatted is replaced by a line that says so, never printed
raw. Identifiers of the request at hand are bound with *context* and appear in every line written below it.
"""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars

from observability import tracing

NOISY = ("slack_bolt", "slack_sdk", "aiohttp", "asyncio", "sqlalchemy", "alembic", "aiosqlite", "httpx2", "httpcore2",
         "kubernetes_asyncio", "openai", "anthropic")  # fmt: skip
UNLOGGABLE = '{"event": "a log record could not be written", "level": "error"}\n'

Event = MutableMapping[str, Any]


def configure(
    *, redact: Callable[[Any], Any], console: bool | None = None, level: str = "INFO", stream: TextIO | None = None
) -> None:
    """Route everything through one redacting line writer. *console* None: coloured lines when stderr is a terminal."""
    target = stream or sys.stderr
    readable = target.isatty() if console is None else console
    output = _Lines(target)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
            processors=[
                _without_internals,
                structlog.processors.format_exc_info,
                _redacting(redact),
                _renderer(readable),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiops").setLevel(level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # tests configure more than once
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """``logger("aiops.chat").info("answered", run_id=...)``; the event is a constant, values are keywords."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def context(**identifiers: str) -> AbstractContextManager[None]:
    """Bind request_id, session_id, run_id for everything logged and recorded within; empty ones are left out."""
    return bound_contextvars(**{name: value for name, value in identifiers.items() if value})


def bound(name: str) -> str:
    """What *context* bound under this name, or an empty string."""
    return str(get_contextvars().get(name, ""))


def _trace(_: Any, __: str, event: Event) -> Event:
    event.update(tracing.identifiers())
    return event


_SHARED: list[Any] = [
    merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _trace,
]


def _without_internals(_: Any, __: str, event: Event) -> Event:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def _redacting(redact: Callable[[Any], Any]) -> Callable[[Any, str, Event], Event]:
    def processor(_: Any, __: str, event: Event) -> Event:
        clean = redact(dict(event))
        return clean if isinstance(clean, dict) else {"event": str(clean), "level": event.get("level", "error")}

    return processor


def _renderer(readable: bool) -> Any:
    if not readable:
        return structlog.processors.JSONRenderer(serializer=json.dumps, default=str)
    lines = structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)

    def render(log: Any, method: str, event: Event) -> str:
        return str(lines(log, method, {key: _visible(key, value) for key, value in event.items()}))

    return render


def _visible(key: str, value: Any) -> Any:
    """Control characters made visible: a value from a cluster must not move the cursor of whoever reads the log."""
    if not isinstance(value, str):
        return value
    kept = "\n\t" if key == "exception" else ""
    return "".join(one if one.isprintable() or one in kept else repr(one)[1:-1] for one in value)


class _Lines(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 -- the record may hold secrets
        """The inherited method prints the record and its arguments as they are, past the redaction."""
        try:
            self.stream.write(UNLOGGABLE)
        except (OSError, ValueError):
            return  # stderr is gone or closed: there is nobody left to tell
