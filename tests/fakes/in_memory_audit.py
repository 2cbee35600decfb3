"""The audit log in memory, really chained. ``unavailable`` makes it refuse, as a full disk does."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from security import audit, digests
from security.errors import AuditUnavailableError

KEY = b"the audit key of the fakes, 32 b"


class InMemoryAuditLog:
    def __init__(self, key: bytes = KEY) -> None:
        self.key = key
        self.unavailable = False
        self.chains: defaultdict[str, list[audit.Record]] = defaultdict(list)

    @property
    def events(self) -> list[dict[str, object]]:
        """Every event in plain form, workspace by workspace."""
        return [dict(record.event) for chain in self.chains.values() for record in chain]

    async def append(self, *events: audit.Event) -> None:
        self.write(events)

    def write(self, events: Sequence[audit.Event]) -> None:
        self.check()
        for event in events:
            chain = self.chains[event.workspace_id]
            plain = dataclasses.replace(event, details=json.loads(digests.canonical(dict(event.details))))
            previous = chain[-1].mac if chain else audit.GENESIS
            chain.append(audit.link(self.key, plain, sequence=len(chain) + 1, previous=previous))

    def check(self) -> None:
        if self.unavailable:
            raise AuditUnavailableError

    async def records(self, workspace_id: str, *, after: int = 0) -> AsyncIterator[audit.Record]:
        for record in self.chains.get(workspace_id, [])[after:]:
            yield record

    async def workspaces(self) -> Sequence[str]:
        return sorted(self.chains)
