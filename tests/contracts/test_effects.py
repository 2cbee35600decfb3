"""security.ports.Effects"""

import asyncio

from security.ports import Effect
from tests.contracts.samples import T0, after


def effect(key="run-1:scale", *, fingerprint="f1", uid="uid-1"):
    return Effect(key, "run-1", fingerprint, uid, T0, None, None)


async def test_one_of_many_concurrent_starts_wins(stores):
    """The others are given the winner's effect and touch nothing."""
    earlier = await asyncio.gather(*(stores.effects.start(effect(fingerprint=f"f{n}")) for n in range(50)))
    winners = [n for n, found in enumerate(earlier) if found is None]

    assert len(winners) == 1
    assert {found.fingerprint for found in earlier if found} == {f"f{winners[0]}"}


async def test_a_finished_effect_answers_with_its_result(stores):
    """Asked again, the control plane answers from the row."""
    await stores.effects.start(effect())
    await stores.effects.finish("run-1:scale", at=after(1), result={"replicas": 5})
    await stores.effects.finish("run-1:scale", at=after(9), result={"replicas": 9})
    found = await stores.effects.start(effect())

    assert found.finished_at == after(1)
    assert found.result == {"replicas": 5}


async def test_only_an_unfinished_effect_is_forgotten(stores):
    """What the cluster refused may be tried again; what it did may not."""
    await stores.effects.start(effect())
    await stores.effects.abandon("run-1:scale")
    assert await stores.effects.start(effect()) is None

    await stores.effects.finish("run-1:scale", at=after(1), result={})
    await stores.effects.abandon("run-1:scale")
    assert await stores.effects.start(effect()) is not None


async def test_finished_effects_of_a_run_on_an_object_are_counted(stores):
    """They are the generations the run made itself."""
    for key, uid in (("run-1:a", "uid-1"), ("run-1:b", "uid-1"), ("run-1:c", "uid-2"), ("run-1:d", "uid-1")):
        await stores.effects.start(effect(key, uid=uid))
    for key in ("run-1:a", "run-1:b", "run-1:c"):
        await stores.effects.finish(key, at=after(1), result={})

    assert await stores.effects.finished_on("run-1", "uid-1") == 2
    assert await stores.effects.finished_on("run-2", "uid-1") == 0
