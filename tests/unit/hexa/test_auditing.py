import json
import sqlite3
from datetime import UTC, datetime

import pytest

from hexa import bootstrap, keys
from hexa.cli import auditing
from hexa.cli.errors import CommandError, explained
from hexa.settings import load
from security.audit import Event
from security.permissions import SHIPPED_ROLES
from storage.anchors import AnchorsDamagedError
from storage.engine import Database
from storage.stores import open_stores

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
async def settings(data_dir):
    """A data directory with five records of one workspace, anchored at the end."""
    found = load({"HEXA_DATA_DIR": str(data_dir)})
    database = await Database.open(bootstrap.database_location(found))
    stores = await open_stores(
        database,
        audit_key=keys.load(found).audit,
        roles=SHIPPED_ROLES,
        clock=lambda: AT,
        anchors=data_dir / bootstrap.ANCHORS,
    )
    for number in range(1, 6):
        await stores.audit.append(Event("run_finished", "demo", "alice", f"operation {number}\x1b[2J", "done", AT))
    await database.close()
    return found


def tamper(settings, statement):
    with sqlite3.connect(settings.data_dir / "hexa.db") as connection:
        connection.execute(statement)
    connection.close()


async def verified(settings, capsys, **options):
    code = await auditing.verify(settings, **{"workspace": "", "as_json": False, **options})
    return code, capsys.readouterr().out


async def test_an_intact_trail_leaves_with_zero(settings, capsys):
    """How many records, and up to where they are anchored."""
    assert await verified(settings, capsys) == (0, "demo: intact, 5 records, anchored up to 5\n")


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("update audit_record set event = replace(event, 'alice', 'mallory') where sequence = 2",
         "workspace demo, record 2: the record was edited"),
        ("delete from audit_record where sequence = 3",
         "workspace demo, record 4: a record is missing before this one"),
        ("delete from audit_record where sequence > 3",
         "workspace demo, record 5: records up to this anchor are missing at the end (truncated)"),
        ("delete from audit_record", "workspace demo, record 5: records up to this anchor are missing"),
    ],
)  # fmt: skip
async def test_a_broken_trail_leaves_with_one_and_names_the_place(settings, capsys, statement, place):
    """Workspace, record and problem."""
    tamper(settings, statement)
    tamper(settings, "delete from audit_head")

    code, out = await verified(settings, capsys)

    assert code == 1
    assert "demo: BROKEN" in out
    assert place in out


async def test_the_verdict_as_json(settings, capsys):
    """For a job that runs every night."""
    tamper(settings, "update audit_record set event = replace(event, 'alice', 'mallory') where sequence = 2")

    code, out = await verified(settings, capsys, as_json=True, workspace="demo")

    assert (code, json.loads(out)) == (
        1,
        {
            "intact": False,
            "records": {"demo": 5},
            "findings": [{"workspace_id": "demo", "sequence": 2, "problem": "the record was edited"}],
        },
    )


async def test_another_key_verifies_nothing(settings, capsys, data_dir):
    """The key is what makes a record one of ours."""
    other = load({"HEXA_DATA_DIR": str(data_dir), "HEXA_AUDIT_KEY": "o" * 32})

    code, out = await verified(other, capsys)

    assert code == 1
    assert "forged or made with another key" in out


async def test_damaged_anchors_are_not_passed_over(settings, data_dir):
    """A file that cannot be read proves nothing, so the command does not say intact."""
    path = data_dir / bootstrap.ANCHORS
    path.write_text("nonsense\n" + path.read_text())

    with pytest.raises(AnchorsDamagedError) as caught:
        await auditing.verify(settings, workspace="", as_json=False)
    assert explained(caught.value).code == 1


async def test_reading_changes_nothing_and_works_beside_a_writer(settings, capsys, data_dir):
    """No lock is taken; the database of a running server can be verified."""
    database = await Database.open(bootstrap.database_location(settings))
    try:
        before = sorted(path.name for path in data_dir.iterdir())
        assert (await verified(settings, capsys))[0] == 0
        assert sorted(path.name for path in data_dir.iterdir()) == before
    finally:
        await database.close()


async def test_the_latest_records_are_shown_oldest_first(settings, capsys):
    """With nothing in them that controls the terminal."""
    assert await auditing.tail(settings, lines=2, workspace="", as_json=False) == 0

    out = capsys.readouterr().out
    assert "operation 3" not in out
    assert out.index("operation 4\\x1b[2J") < out.index("operation 5")

    await auditing.tail(settings, lines=1, workspace="demo", as_json=True)
    assert [one["sequence"] for one in json.loads(capsys.readouterr().out)] == [5]


async def test_the_latest_records_are_the_latest_of_all_workspaces(settings, capsys):
    """Not those of whichever workspace comes last."""
    database = await Database.open(bootstrap.database_location(settings))
    audit_key = keys.load(settings).audit
    stores = await open_stores(database, audit_key=audit_key, roles=SHIPPED_ROLES, clock=lambda: AT)
    for workspace, day in (("zoo", 1), ("able", 9)):
        at = datetime(2026, 4, day, tzinfo=UTC)
        await stores.audit.append(Event("run_finished", workspace, "alice", "later", "done", at))
    await database.close()

    await auditing.tail(settings, lines=2, workspace="", as_json=True)

    assert [one["workspace_id"] for one in json.loads(capsys.readouterr().out)] == ["zoo", "able"]


@pytest.mark.parametrize("event", ["{", "[1]", "1", '{"a":NaN}', '{"a":"\\ud800"}', "[" * 100_000])
@pytest.mark.parametrize("mac", [None, "", "zé"])
async def test_a_record_made_unreadable_is_named_like_any_other(settings, capsys, event, mac):
    """Damage must not end the verification of everything else with a traceback."""
    with sqlite3.connect(settings.data_dir / "hexa.db") as connection:
        connection.execute("update audit_record set event = ?, mac = coalesce(?, mac) where sequence = 5", (event, mac))
    connection.close()

    code, out = await verified(settings, capsys)

    assert code == 1
    assert "workspace demo, record 5: the record was edited" in out
    assert await auditing.tail(settings, lines=5, workspace="", as_json=False) == 0


async def test_a_workspace_without_records_is_not_called_intact(settings):
    """A mistyped name must not look like a good verdict."""
    with pytest.raises(CommandError, match=r"Workspace dmeo has no audit records\. Known: demo"):
        await auditing.verify(settings, workspace="dmeo", as_json=False)


async def test_a_trail_without_anchors_says_what_it_cannot_show(settings, capsys, data_dir):
    """Whoever cuts a chain may remove the anchors too."""
    (data_dir / bootstrap.ANCHORS).unlink()

    code, out = await verified(settings, capsys)

    assert code == 0
    assert "anchored up to 0" in out
    assert "the anchors were removed" in out
