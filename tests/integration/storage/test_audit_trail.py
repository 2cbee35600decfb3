"""The audit chains on disk: whoever edits, deletes or cuts off rows is found out, up to the last anchor."""

import asyncio
import dataclasses
import json

import pytest
from sqlalchemy import text

from security import audit, permissions
from storage import anchors
from storage.anchors import AnchorsDamagedError, AnchorWriter
from storage.engine import Database
from storage.errors import StorageError
from storage.stores import open_stores
from tests.contracts.samples import T0, event
from tests.fakes.in_memory_audit import KEY


@pytest.fixture
def anchor_file(tmp_path):
    return tmp_path / "outside" / "anchors.jsonl"


@pytest.fixture
async def trail(path, clock, anchor_file):
    """Twelve records of two workspaces in a database that was closed, so that the last ones are anchored."""
    anchor_file.parent.mkdir()
    database = await Database.open(path)
    stores = await open_stores(
        database, audit_key=KEY, roles=permissions.SHIPPED_ROLES, clock=clock, anchors=anchor_file
    )
    for n in range(6):
        await stores.audit.append(event(f"e{n}", number=n), event(f"o{n}", workspace_id="other"))
    await database.close()
    return path


async def findings(path, anchor_file, clock, *, key=KEY, workspace_id="acme"):
    database = await Database.open_reading(path)
    stores = await open_stores(database, audit_key=KEY, roles={}, clock=clock)
    records = [record async for record in stores.audit.records(workspace_id)]
    await database.close()
    known = anchors.read(anchor_file, workspace_id)
    return [(found.sequence, found.problem) for found in audit.verify(key, workspace_id, records, known)]


async def tamper(path, *statements):
    database = await Database.open(path)
    for statement in statements:
        await database.write(lambda c, statement=statement: c.execute(text(statement)))
    await database.close()


async def test_an_honest_trail_has_no_findings(trail, anchor_file, clock):
    """Both chains verify with nothing but records, anchors and the key."""
    assert await findings(trail, anchor_file, clock) == []
    assert await findings(trail, anchor_file, clock, workspace_id="other") == []
    assert [(one.workspace_id, one.sequence) for one in anchors.read(anchor_file)] == [("acme", 6), ("other", 6)]


@pytest.mark.parametrize(
    ("statement", "sequence", "problem"),
    [
        ("UPDATE audit_record SET event = replace(event, 'e2', 'e9') WHERE sequence = 3", 3, "edited"),
        ("UPDATE audit_record SET mac = previous WHERE sequence = 3", 3, "edited"),
        ("DELETE FROM audit_record WHERE workspace_id = 'acme' AND sequence = 3", 4, "missing before"),
        ("DELETE FROM audit_record WHERE workspace_id = 'acme' AND sequence = 1", 2, "missing before"),
        ("DELETE FROM audit_record WHERE workspace_id = 'acme' AND sequence > 4", 6, "truncated"),
        ("DELETE FROM audit_record WHERE workspace_id = 'acme'", 6, "truncated"),
    ],
)
async def test_tampering_is_found_where_it_happened(trail, anchor_file, clock, statement, sequence, problem):
    """Edited, deleted and cut-off rows; the other workspace is not blamed."""
    await tamper(trail, statement)
    found = await findings(trail, anchor_file, clock)

    assert (sequence, problem) in [(number, problem) for number, text in found if problem in text]


async def test_two_records_that_changed_places_are_found(trail, anchor_file, clock):
    """Their order is part of what is sealed."""
    move = "UPDATE audit_record SET sequence = {} WHERE workspace_id = 'acme' AND sequence = {}"
    await tamper(trail, move.format(99, 2), move.format(2, 3), move.format(3, 99))

    assert {number for number, _ in await findings(trail, anchor_file, clock)} >= {2, 3}


async def test_a_chain_that_was_cut_and_continued_is_found(trail, anchor_file, clock):
    """Somebody removed the end and its head, and Hexa went on writing: the anchor still knows."""
    await tamper(
        trail,
        "DELETE FROM audit_record WHERE workspace_id = 'acme' AND sequence > 4",
        "UPDATE audit_head SET sequence = 4, mac = (SELECT mac FROM audit_record WHERE workspace_id = 'acme' AND "
        "sequence = 4) WHERE workspace_id = 'acme'",
    )
    database = await Database.open(trail)
    stores = await open_stores(database, audit_key=KEY, roles={}, clock=clock, anchors=anchor_file)
    await stores.audit.append(*(event(f"after {n}") for n in range(4)))
    await database.close()

    assert (6, "the record differs from its anchor") in await findings(trail, anchor_file, clock)


async def test_a_chain_without_its_head_row_is_still_listed(trail, clock):
    """Deleting one row must not hide a workspace from the verification."""
    await tamper(trail, "DELETE FROM audit_head")
    database = await Database.open_reading(trail)
    stores = await open_stores(database, audit_key=KEY, roles={}, clock=clock)

    assert list(await stores.audit.workspaces()) == ["acme", "other"]
    await database.close()


async def test_another_key_verifies_nothing(trail, anchor_file, clock):
    """Without the key nobody makes a record that passes."""
    found = await findings(trail, anchor_file, clock, key=b"another key of the same length, 32")

    assert len(found) == 7


async def test_a_workspace_starts_a_chain_of_its_own_concurrently(database, clock):
    """The first records of many workspaces at once."""
    stores = await open_stores(database, audit_key=KEY, roles={}, clock=clock)
    await asyncio.gather(*(stores.audit.append(event("x", workspace_id=f"w{n % 7}")) for n in range(70)))
    for workspace_id in await stores.audit.workspaces():
        records = [record async for record in stores.audit.records(workspace_id)]
        assert [record.sequence for record in records] == list(range(1, 11))


# --- anchors ---------------------------------------------------------------------------------------------------


async def grow(database, clock, *, by, noticed):
    stores = await open_stores(database, audit_key=KEY, roles={}, clock=clock)
    await stores.audit.append(*(event(f"x{n}") for n in range(by)))
    noticed(by)


async def settled(writer):
    if writer._task is not None:
        await asyncio.wait_for(asyncio.shield(writer._task), 5)


async def test_an_anchor_follows_enough_records(database, clock, tmp_path):
    """Not each record costs a write elsewhere."""
    file = tmp_path / "anchors"
    writer = AnchorWriter(database, file, key=KEY, clock=clock, records=10, seconds=1000)
    await grow(database, clock, by=9, noticed=writer.noticed)
    before = anchors.read(file)
    await grow(database, clock, by=1, noticed=writer.noticed)
    await settled(writer)

    assert before == []
    assert [one.sequence for one in anchors.read(file)] == [10]
    await writer.close()
    assert [one.sequence for one in anchors.read(file)] == [10]


async def test_an_anchor_follows_after_a_time(database, clock, tmp_path, monkeypatch):
    """A quiet trail does not stay unanchored."""
    file = tmp_path / "anchors"
    writer = AnchorWriter(database, file, key=KEY, clock=clock, records=1000, seconds=0.01)
    flushed, flush = asyncio.Event(), writer.flush
    monkeypatch.setattr(writer, "flush", lambda: flushed.set() or flush())
    await grow(database, clock, by=1, noticed=writer.noticed)
    await asyncio.wait_for(flushed.wait(), 5)
    await settled(writer)

    assert [one.sequence for one in anchors.read(file)] == [1]
    await writer.close()


async def test_anchors_that_cannot_be_written_are_written_later(database, clock, tmp_path, caplog):
    """The records are durable already; the failure is logged and nothing else fails."""
    file = tmp_path / "later" / "anchors"
    writer = AnchorWriter(database, file, key=KEY, clock=clock, records=1, seconds=1000)
    await grow(database, clock, by=1, noticed=writer.noticed)
    await settled(writer)
    file.parent.mkdir()
    await writer.close()

    assert "could not be written" in caplog.text
    assert [one.sequence for one in anchors.read(file)] == [1]


def test_a_line_a_crash_left_incomplete_is_no_anchor_and_no_alarm(tmp_path):
    """It is not read, and cut off before the next one is written."""
    file = tmp_path / "anchors"
    one, two = (audit.sign_anchor(KEY, workspace_id="acme", sequence=n, head="h", at=T0) for n in (1, 2))
    anchors.append(file, [one])
    with file.open("a") as torn:
        torn.write('{"workspace_id": "ac')
    assert anchors.read(file) == [one]
    anchors.append(file, [two])

    assert anchors.read(file) == [one, two]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["", "null", "[]", "{}", json.dumps({"workspace_id": "x"}), "no json"])
def test_a_damaged_file_of_anchors_is_told_with_its_line(tmp_path, line):
    """Nobody may pass the verification by breaking the anchors."""
    file = tmp_path / "anchors"
    anchors.append(file, [audit.sign_anchor(KEY, workspace_id="acme", sequence=1, head="h", at=T0)])
    with file.open("a") as other:
        other.write(line + "\n")
    with pytest.raises(AnchorsDamagedError, match="line 2"):
        anchors.read(file)


def test_without_a_file_there_are_no_anchors(tmp_path):
    """A new installation has none yet."""
    assert anchors.read(tmp_path / "nothing") == []
    assert issubclass(AnchorsDamagedError, StorageError)


async def test_no_secret_comes_into_the_trail(stores):
    """Whichever field it was typed into: what is written there stays."""
    secret = "xoxb-1234567890-abcdefghijkl"
    told = dataclasses.replace(
        event("asked", message=f"there is no {secret}", nested=[{"password": "hunter2hunter2"}]),
        actor=secret,
        action=secret,
        reason=f"use {secret}",
    )
    await stores.audit.append(told)

    (record,) = [one async for one in stores.audit.records("acme")]

    assert record.event["actor"] == record.event["action"] == "[redacted:slack-token]"
    assert record.event["reason"] == "use [redacted:slack-token]"
    assert record.event["details"] == {
        "message": "there is no [redacted:slack-token]",
        "nested": [{"password": "[redacted:secret]"}],
    }
