"""Logging of a command that starts a core of its own: warnings alone, because its output is for a person."""

from observability import logging
from security import redaction


def configure() -> None:
    logging.configure(redact=redaction.redact_plain, level="WARNING")
