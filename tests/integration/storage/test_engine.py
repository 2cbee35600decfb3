"""The writer thread, the readers and the lock, on a real file."""

import asyncio
import os
import sqlite3
import sys
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.util import await_only

from security.errors import AuditUnavailableError
from storage.engine import Database, path_of
from storage.errors import DatabaseInUseError, StorageBusyError, StorageError, StorageUnavailableError
from tests.contracts.samples import T0, event, item, ruling, run


@pytest.fixture
async def counter(database):
    """A table with one row that counts."""
    await database.write(lambda c: c.execute(text("CREATE TABLE counter (n INTEGER NOT NULL CHECK (n < 1000))")))
    await database.write(lambda c: c.execute(text("INSERT INTO counter VALUES (0)")))
    return database


def increment(connection):
    before = connection.execute(text("SELECT n FROM counter")).scalar_one()
    connection.execute(text("UPDATE counter SET n = :n"), {"n": before + 1})
    return before + 1


def value(connection):
    return connection.execute(text("SELECT n FROM counter")).scalar_one()


def increment_nothing(connection):
    connection.execute(text("UPDATE run SET epoch = epoch + 1"))


class Gate:
    """A unit that keeps the writer thread busy until it is opened."""

    def __init__(self):
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, connection):
        self.entered.set()
        assert self.opened.wait(10)

    async def entrance(self):
        await asyncio.to_thread(self.entered.wait, 10)


async def test_of_400_concurrent_read_then_update_none_is_lost(counter):
    """The measured trap of deferred transactions: 400 successes and a counter of 32."""
    seen = await asyncio.gather(*(counter.write(increment) for _ in range(400)))

    assert sorted(seen) == list(range(1, 401))
    assert await counter.read(value) == 400


async def test_a_failing_unit_takes_nothing_of_its_neighbours_along(counter):
    """They share a commit, not their fate."""
    gate = Gate()

    def fail(connection):
        increment(connection)
        raise KeyError("mine")

    first = asyncio.create_task(counter.write(gate))
    await gate.entrance()
    together = [asyncio.create_task(counter.write(work)) for work in (increment, fail, increment)]
    await asyncio.sleep(0)
    gate.opened.set()
    outcomes = await asyncio.gather(*together, return_exceptions=True)
    await first

    assert (outcomes[0], outcomes[2]) == (1, 2)
    assert isinstance(outcomes[1], KeyError)
    assert await counter.read(value) == 2


async def test_units_that_wait_share_one_commit(counter):
    """Fifty waiting units cost one commit."""
    gate, commits = Gate(), []
    first = asyncio.create_task(counter.write(gate))
    await gate.entrance()
    counter._writer._raw.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    waiting = [asyncio.create_task(counter.write(increment)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *waiting)

    assert len(commits) == 2


async def test_a_commit_that_fails_fails_everybody_in_it(counter):
    """Nobody is told of success before it is on disk."""

    def break_promise(connection):
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.execute(text("INSERT INTO inbox_key (key, item_id) VALUES ('k', 'nothing')"))

    gate = Gate()
    first = asyncio.create_task(counter.write(gate))
    await gate.entrance()
    together = [asyncio.create_task(counter.write(work)) for work in (increment, break_promise)]
    await asyncio.sleep(0)
    gate.opened.set()
    outcomes = await asyncio.gather(*together, return_exceptions=True)
    await first

    assert [type(one) for one in outcomes] == [StorageUnavailableError, StorageUnavailableError]
    assert await counter.read(value) == 0
    assert await counter.write(increment) == 1


async def test_whoever_gives_up_waiting_corrupts_nothing(counter):
    """A unit that had not begun is dropped, one that had is committed; the others do not notice."""
    gate = Gate()

    def slow(connection):
        gate(connection)
        return increment(connection)

    begun = asyncio.create_task(counter.write(slow))
    await gate.entrance()
    waiting = [asyncio.create_task(counter.write(increment)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in (begun, *waiting[::2]):
        task.cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert sum(isinstance(one, asyncio.CancelledError) for one in outcomes) == 10
    assert await counter.read(value) == 1 + 10


async def test_a_full_queue_makes_callers_wait_and_then_fail(path):
    """Back-pressure with a clear error instead of growing memory."""
    database = await Database.open(path, capacity=2, patience=0.05)
    gate = Gate()
    first = asyncio.create_task(database.write(gate))
    await gate.entrance()
    second = asyncio.create_task(database.write(lambda _: "second"))
    await asyncio.sleep(0)
    with pytest.raises(StorageBusyError, match="not kept up"):
        await database.write(lambda _: "third")
    gate.opened.set()

    assert [await first, await second] == [None, "second"]
    assert await database.write(lambda _: "fourth") == "fourth"
    await database.close()


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(path):
    """No acknowledged or accepted write is dropped by a shutdown."""
    database = await Database.open(path)
    waiting = [asyncio.create_task(database.write(lambda _, n=n: n)) for n in range(20)]
    await asyncio.sleep(0)
    await database.close()

    assert await asyncio.gather(*waiting) == list(range(20))
    with pytest.raises(StorageUnavailableError, match="being closed"):
        await database.write(lambda _: None)


async def test_changes_are_signalled_after_the_commit_and_only_of_what_succeeded(counter):
    """Whoever wakes sees the row."""

    def fail(_connection):
        raise KeyError

    with pytest.raises(KeyError):
        await counter.write(fail, "topic")
    assert counter.changed.version("topic") == 0

    waiter = asyncio.create_task(counter.changed.wait("topic", 0, 5))
    await counter.write(increment, "topic")

    assert await waiter == 1
    assert await counter.read(value) == 1
    assert await counter.changed.wait("topic", 1, 0.01) == 1


async def test_what_the_rules_of_sqlite_ask_for_is_set(database):
    """Durable on power loss, referential, and readers that cannot write."""
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    for name, wanted in pragmas.items():
        assert await database.write(lambda c, name=name: c.execute(text(f"PRAGMA {name}")).scalar()) == wanted
    with pytest.raises(StorageUnavailableError, match="readonly"):
        await database.read(lambda c: c.execute(text("DELETE FROM run")))


async def test_a_read_sees_one_moment(counter):
    """The queries of one read agree with each other although somebody writes in between."""
    first_read, written = asyncio.Event(), asyncio.Event()

    def twice(connection):
        before = value(connection)
        first_read.set()
        await_only(written.wait())
        return before, value(connection)

    reading = asyncio.create_task(counter.read(twice))
    await first_read.wait()
    await counter.write(increment)
    written.set()

    assert await reading == (0, 0)
    assert await counter.read(value) == 1


async def test_a_second_process_is_refused_with_names_and_a_way_out(database, path):
    """Two writing processes would each believe in their own queue."""
    with pytest.raises(DatabaseInUseError, match=rf"process {os.getpid()}.*{path.name}\.lock.*HEXA_DATA_DIR"):
        await Database.open(path)
    script = "import asyncio, sys\nfrom storage.engine import Database\nasyncio.run(Database.open(sys.argv[1]))"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await asyncio.wait_for(other.communicate(), 60)

    assert other.returncode != 0
    assert b"DatabaseInUseError" in complaint


async def test_the_lock_is_free_after_closing(path):
    """A restart in the same second works."""
    for _ in range(2):
        await (await Database.open(path)).close()


async def test_the_audit_can_be_read_beside_a_writing_process(database, stores, path):
    """No lock, nothing changed."""
    await stores.audit.append(event("seen"))
    beside = await Database.open_reading(path)
    count = await beside.read(lambda c: c.execute(text("SELECT count(*) FROM audit_record")).scalar())
    with pytest.raises(StorageError, match="reading only"):
        await beside.write(lambda _: None)
    await beside.close()

    assert count == 1


async def test_reading_what_is_not_there_says_where_it_looked(path):
    """And creates nothing."""
    with pytest.raises(StorageError, match=r"hexa\.db.*HEXA_DATA_DIR"):
        await Database.open_reading(path)
    assert not path.exists()


def limit_size(database, pages):
    """What a full disk does to SQLite: it refuses to grow the file."""
    return database.write(lambda c: c.execute(text(f"PRAGMA max_page_count={pages}")).scalar())


async def test_a_full_disk_is_told_and_nothing_is_half_written(database, stores):
    """Typed errors, audit fails closed, and work goes on when there is room again."""
    await stores.runs.create(run(), messages=[], events=[])
    await limit_size(database, 1)
    big = "x" * 200_000
    with pytest.raises(StorageUnavailableError, match="full"):
        await stores.inbox.accept(type(item("a"))("a", "l", "message", ("a",), {"text": big}, T0))
    with pytest.raises(AuditUnavailableError, match="full"):
        await stores.audit.append(event("asked", text=big))
    with pytest.raises(AuditUnavailableError, match="full"):
        await stores.approvals.decide("run-1:approval", ruling(), events=[event("decided", text=big)])
    still = await stores.approvals.get("run-1:approval")
    await limit_size(database, 1_000_000)

    assert still.decision == "pending"
    assert await stores.approvals.decide("run-1:approval", ruling(), events=[event("decided")])
    assert [record.event["type"] async for record in stores.audit.records("acme")] == ["decided"]


async def test_a_database_that_cannot_be_written_is_in_trouble_until_it_can(database, stores, monkeypatch):
    """Reading works on a full disk, so readiness asks what became of the writes; trouble is not believed for ever."""
    await limit_size(database, 1)
    before = database.trouble()
    with pytest.raises(AuditUnavailableError):
        await stores.audit.append(event("asked", text="x" * 200_000))
    during = database.trouble()
    monkeypatch.setattr("storage.writing.REMEMBERED", 0.0)
    forgotten = database.trouble()
    monkeypatch.undo()
    await limit_size(database, 1_000_000)

    assert (before, forgotten, database.trouble()) == ("", "", "")
    assert "full" in during


async def test_a_database_held_by_a_stranger_is_unavailable_not_corrupt(path, monkeypatch):
    """Somebody opened it with another tool and left a transaction open."""
    monkeypatch.setattr("storage.engine.WRITER_PRAGMAS", ("journal_mode=WAL", "busy_timeout=20"))
    database = await Database.open(path)
    stranger = sqlite3.connect(path)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailableError, match="locked"):
        await database.write(lambda _: None)
    stranger.rollback()
    stranger.close()

    assert await database.write(lambda _: "again") == "again"
    await database.close()


@pytest.mark.parametrize("wrong", ["postgresql://db/hexa", "sqlite://", "sqlite:///:memory:", "://"])
def test_only_a_file_will_do(wrong):
    """A memory database would be one per connection."""
    with pytest.raises(StorageError, match="sqlite:////path"):
        path_of(wrong)


async def test_the_files_are_private(database, path):
    """Requests and results are nobody else's business."""
    for name in (path.name, path.name + "-wal", path.name + ".lock"):
        assert (path.parent / name).stat().st_mode & 0o077 == 0


async def test_closing_leaves_one_file_that_can_be_copied(database, path):
    """The log is folded in; only the lock file stays beside it."""
    await database.write(increment_nothing)
    await database.read(lambda c: c.execute(text("SELECT 1")).scalar())
    await database.close()

    assert {each.name for each in path.parent.iterdir()} == {path.name, path.name + ".lock"}


async def test_a_file_that_is_no_database_is_told_as_such(path):
    """Again and again, and the lock is not kept."""
    path.write_bytes(b"this is a text file, and a long one at that" * 100)
    for _ in range(2):
        with pytest.raises(StorageUnavailableError, match="not a database"):
            await Database.open(path)


async def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    """Not a stack trace from the driver."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        await Database.open(tmp_path / "file" / "hexa.db")
