"""Rows that somebody damaged: left out and told, never run, and no reason to hide the rest."""

import logging

from sqlalchemy import text

from tests.contracts.samples import run


async def test_a_run_that_cannot_be_read_hides_no_other(database, stores, caplog):
    """The damaged one counts as absent wherever runs are read, and the log names it."""
    for name in ("run-1", "run-2"):
        await stores.runs.create(run(name), messages=[], events=[])

    def damage(connection):
        connection.execute(text("UPDATE run SET plan = :plan WHERE id = 'run-1'"), {"plan": '{"x": 1}'})

    await database.write(damage)
    with caplog.at_level(logging.ERROR, "aiops.storage"):
        waiting = await stores.approvals.waiting("acme")

    assert [one.id for one in waiting] == ["run-2"]
    assert await stores.runs.get("run-1") is None
    assert await stores.runs.claim("run-1") is None
    assert await stores.ledger.grant("run-1") is None
    assert "run-1" in caplog.text
