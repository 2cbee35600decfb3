import asyncio

from observability.health import Checks


async def fine():
    return None


async def test_a_process_without_problems_is_ready():
    """No checks and passed checks both mean ready."""
    checks = Checks()
    assert (await checks.run()).ready

    checks.add("database", fine)
    assert (await checks.run()).checks == {"database": ""}


async def test_every_problem_is_named():
    """One that is told, one that raises, one that hangs; the others still answer."""

    async def told():
        return "the migration is missing"

    async def raises():
        raise ConnectionError("password=hunter2")

    async def hangs():
        await asyncio.Event().wait()

    checks = Checks(deadline=0.01)
    for name, check in {"told": told, "raises": raises, "hangs": hangs, "fine": fine}.items():
        checks.add(name, check)

    health = await checks.run()

    assert not health.ready
    assert health.checks == {
        "told": "the migration is missing",
        "raises": "the check failed with ConnectionError",
        "hangs": "no answer within 0.01 s",
        "fine": "",
    }
