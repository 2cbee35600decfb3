"""The whole schema: importing this module fills ``metadata`` with every table."""

from storage.tables import audit, effects, inbox, messages, people, runs, sessions
from storage.tables.columns import metadata

AREAS = (audit, effects, inbox, messages, people, runs, sessions)

__all__ = ["AREAS", "metadata"]
