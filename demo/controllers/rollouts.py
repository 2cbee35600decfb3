"""The arithmetic of a rolling update, apart from everything that acts: pure and tested by itself.

The rules are those of the real Deployment controller: never more than replicas + maxSurge pods, never fewer available
than replicas - maxUnavailable.
"""

import json
import math
from dataclasses import dataclass

from demo.objects import Obj, canonical, dig, letters, without_nulls

HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Bounds:
    surge: int
    unavailable: int


def bounds(deployment: Obj) -> Bounds:
    replicas = deployment["spec"]["replicas"]
    strategy = dig(deployment, "spec", "strategy", default={})
    if strategy.get("type") == "Recreate":
        return Bounds(surge=0, unavailable=replicas)
    rolling = dig(strategy, "rollingUpdate", default={})
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    # Both zero would never move; the real controller then lets one pod be missing.
    return Bounds(surge, min(unavailable, replicas) if surge or unavailable else 1)


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    part = int(value.removesuffix("%")) * replicas / 100
    return math.ceil(part) if up else math.floor(part)


@dataclass(frozen=True, slots=True)
class Sizes:
    """One ReplicaSet in the sum: how many pods it shall have, and how many are available."""

    wanted: int
    available: int


def new_size(replicas: int, new: Sizes, old: list[Sizes], limits: Bounds) -> int:
    """How large the new ReplicaSet may become now."""
    if new.wanted >= replicas:
        return replicas
    room = replicas + limits.surge - new.wanted - sum(size.wanted for size in old)
    return new.wanted + max(0, min(room, replicas - new.wanted))


def old_sizes(replicas: int, new: Sizes, old: list[Sizes], limits: Bounds) -> list[int]:
    """How large each old ReplicaSet (oldest first) shall be now: unhealthy pods go first, then as many as may."""
    wanted = [size.wanted for size in old]
    least = replicas - limits.unavailable
    budget = sum(wanted) + new.wanted - least - max(0, new.wanted - new.available)
    for index, size in enumerate(old):
        gone = max(0, min(budget, size.wanted - size.available))
        wanted[index] -= gone
        budget -= gone
    spare = new.available + sum(min(size.available, left) for size, left in zip(old, wanted, strict=True)) - least
    for index, left in enumerate(wanted):
        gone = max(0, min(spare, left))
        wanted[index] -= gone
        spare -= gone
    return wanted


def canonical_template(template: Obj) -> Obj:
    """The template without what differs though it means the same: nulls, timestamps, the hash label itself."""
    bare: Obj = json.loads(json.dumps(without_nulls(template)))
    meta = bare.setdefault("metadata", {})
    meta.pop("creationTimestamp", None)
    dig(meta, "labels", default={}).pop(HASH, None)
    return bare


def template_hash(template: Obj) -> str:
    return letters(canonical(canonical_template(template)), 10)
