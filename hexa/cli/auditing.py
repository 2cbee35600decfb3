"""The audit trail, read beside a running server or without one. Nothing is written, no key is made."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from hexa import keys, terminal
from hexa.cli import showing
from hexa.cli.errors import DONE, NOT_DONE, CommandError
from hexa.settings import Settings
from security import audit
from security.ports import AuditLog


@dataclass(frozen=True, slots=True)
class Trail:
    """What verification needs."""

    log: AuditLog
    key: bytes
    anchors: Sequence[audit.Anchor]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Trail]:
    from hexa.bootstrap import ANCHORS, database_location
    from storage import anchors
    from storage.audit import Journal, SqlAuditLog
    from storage.engine import Database

    key = keys.audit_key(settings)
    database = await Database.open_reading(database_location(settings))
    try:
        # Before the records: an anchor written in between would look like records that are missing.
        read = anchors.read(settings.data_dir / ANCHORS)
        yield Trail(SqlAuditLog(database, Journal(database, key)), key, read)
    finally:
        await database.close()


async def findings(trail: Trail, workspace: str) -> tuple[int, list[audit.Finding]]:
    """How many records a chain has, and what is wrong with it."""
    records = [record async for record in trail.log.records(workspace)]
    anchors = [one for one in trail.anchors if one.workspace_id == workspace]
    return len(records), list(audit.verify(trail.key, workspace, records, anchors))


async def verify(settings: Settings, *, workspace: str, as_json: bool) -> int:
    async with opened(settings) as trail:
        chains = {name: await findings(trail, name) for name in await _named(trail, workspace)}
        anchored = {name: _anchored(trail, name) for name in chains}
    wrong = [one for _, problems in chains.values() for one in problems]
    if as_json:
        counts = {name: count for name, (count, _) in chains.items()}
        showing.as_json({"intact": not wrong, "records": counts, "findings": [asdict(one) for one in wrong]})
        return NOT_DONE if wrong else DONE
    console = terminal.console()
    for name, (count, problems) in chains.items():
        verdict = ("BROKEN", "bold red") if problems else ("intact", "bold green")
        records = f"{count} {'record' if count == 1 else 'records'}, anchored up to {anchored[name]}"
        console.print(Text.assemble(f"{terminal.visible(name)}: ", verdict, f", {records}"))
    for one in wrong:
        place = f"workspace {one.workspace_id}, record {one.sequence}"
        console.print(Text(f"  {terminal.visible(place)}: {terminal.visible(one.problem)}"))
    if not chains:
        console.print("There are no audit records yet.")
    if not all(anchored.values()):
        console.print("Not anchored yet, or the anchors were removed: records missing at the end go unnoticed.")
    return NOT_DONE if wrong else DONE


async def tail(settings: Settings, *, lines: int, workspace: str, as_json: bool) -> int:
    found: list[audit.Record] = []
    async with opened(settings) as trail:
        for name in await _named(trail, workspace):
            latest: deque[audit.Record] = deque(maxlen=lines)
            async for record in trail.log.records(name):
                latest.append(record)
            found += latest
    records = sorted(found, key=lambda one: str(one.event.get("at", "")))[-lines:]
    if as_json:
        showing.as_json([{**one.event, "sequence": one.sequence} for one in records])
        return DONE
    columns = ("When", "Workspace", "No.", "Who", "What", "Outcome", "Reason", "Run")
    showing.table(terminal.console(), columns, map(_row, records), empty="There are no audit records yet.")
    return DONE


def _anchored(trail: Trail, workspace: str) -> int:
    return max((one.sequence for one in trail.anchors if one.workspace_id == workspace), default=0)


async def _named(trail: Trail, workspace: str) -> list[str]:
    """The chains to look at: those with records and those with anchors, so a deleted chain is noticed."""
    known = sorted({*await trail.log.workspaces(), *(one.workspace_id for one in trail.anchors)})
    if workspace and workspace not in known:  # an empty chain would be called intact
        names = ", ".join(terminal.visible(one) for one in known)
        raise CommandError(f"Workspace {workspace} has no audit records.", next_step=f"Known: {names or 'none'}")
    return [workspace] if workspace else known


def _row(record: audit.Record) -> list[Any]:
    """Whatever is there: a record that was tampered with is shown as it is, verification tells."""
    told = [str(record.event.get(name, "")) for name in ("actor", "type", "action", "outcome", "reason", "run_id")]
    who, kind, action, *rest = told
    return [_moment(record.event), record.workspace_id, record.sequence, who, f"{kind}: {action}", *rest]


def _moment(event: Mapping[str, Any]) -> str:
    at = str(event.get("at", ""))
    try:
        return showing.moment(at)
    except ValueError:
        return at
