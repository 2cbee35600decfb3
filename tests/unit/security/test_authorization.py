"""Authorising operations: current permissions, constraints that are really evaluated, and the record ahead of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from security import errors
from security.authorization import AIOpsSecurityManager, Facts, OperationPolicy
from security.subjects import SecurityContext
from tests.conftest import FixedClock
from tests.integration.controlplane.stores import Audit, Bindings

FACTS = Facts("alice", "w1", "shop", request_id="req-1", session_id="s1", run_id="r1", source_ip="10.1.2.3")


class Stage:
    def __init__(self, clock: FixedClock, constraints: Mapping[str, Any] | None = None) -> None:
        self.audit = Audit()
        self.bindings = Bindings(alice=("deployments.scale:shop",))
        self.manager = AIOpsSecurityManager(
            {"scale": OperationPolicy(("deployments.scale",), constraints or {}), "empty": OperationPolicy(())},
            bindings=self.bindings,
            audit_log=self.audit,
            clock=clock,
        )


async def test_who_has_the_permission_may(clock: FixedClock) -> None:
    """And the record names everything."""
    stage = Stage(clock)

    decision = await stage.manager.authorize_operation("scale", FACTS)

    assert decision
    assert decision.permissions == ("deployments.scale:shop",)
    (event,) = stage.audit.written
    assert (event.type, event.outcome, event.actor, event.action) == (
        "authorization_granted", "granted", "alice", "scale",
    )  # fmt: skip
    assert (event.request_id, event.session_id, event.run_id) == ("req-1", "s1", "r1")
    assert event.details == {"namespace": "shop", "source_ip": "10.1.2.3"}


@pytest.mark.parametrize(
    ("operation", "facts", "reason"),
    [
        ("drop_everything", FACTS, "unknown_operation"),
        ("scale", replace(FACTS, namespace="prod"), "insufficient_permissions"),
        ("scale", replace(FACTS, person_id="mallory"), "insufficient_permissions"),
        ("empty", FACTS, "insufficient_permissions"),
    ],
)
async def test_everybody_else_is_denied_on_the_record(
    clock: FixedClock, operation: str, facts: Facts, reason: str
) -> None:
    """Unknown operations, other namespaces, unknown people, and a policy that names no permission."""
    stage = Stage(clock)

    decision = await stage.manager.authorize_operation(operation, facts)

    assert not decision
    assert (decision.reason, bool(decision.explanation)) == (reason, True)
    (event,) = stage.audit.written
    assert (event.type, event.outcome, event.reason) == ("authorization_denied", "denied", reason)


async def test_permissions_are_those_of_now(clock: FixedClock) -> None:
    """A role taken away counts at once."""
    stage = Stage(clock)
    assert await stage.manager.authorize_operation("scale", FACTS)

    stage.bindings.held["alice"] = ()

    assert not await stage.manager.authorize_operation("scale", FACTS)


async def test_the_permissions_an_agent_carries_do_not_count(clock: FixedClock) -> None:
    """A context's snapshot is for explanations."""
    stage = Stage(clock)
    context = SecurityContext("mallory", "w1", "a.b.c", ("*:*",), "s1", "req-1")

    assert not await stage.manager.authorize_operation("scale", Facts.of(context, namespace="shop"))


async def test_without_a_record_there_is_no_decision(clock: FixedClock) -> None:
    """The error passes to the caller, who must refuse."""
    stage = Stage(clock)
    stage.audit.unavailable = True

    with pytest.raises(errors.AuditUnavailableError):
        await stage.manager.authorize_operation("scale", FACTS)


@pytest.mark.parametrize(
    "constraints",
    [
        {"phase_of_the_moon": "full"},
        {"time_window": {"days": ["someday"]}},
        {"time_window": {"from": "25:00"}},
        {"time_window": {"from": "09:00", "until": "09:00"}},
        {"time_window": {"timezone": "Nowhere/Atlantis"}},
        {"time_window": {"hours": "9-5"}},
        {"source_ip": "10.0.0.0/8"},
        {"source_ip": []},
        {"source_ip": ["10.0.0.1/8"]},
        {"quota": {"limit": 3}},
        {"quota": {"limit": 3, "per": "week"}},
        {"quota": {"limit": "3", "per": "hour"}},
        {"concurrency": {"limit": True}},
        {"concurrency": 3},
    ],
)
def test_a_constraint_that_cannot_be_evaluated_refuses_to_start(clock: FixedClock, constraints: dict[str, Any]) -> None:
    """What nobody would check must not look like protection."""
    with pytest.raises(errors.ConfigurationError, match=next(iter(constraints))):
        Stage(clock, constraints)


@pytest.mark.parametrize(
    ("rule", "at", "inside"),
    [
        ({"from": "09:00", "until": "17:00"}, "2026-01-05T09:00", True),
        ({"from": "09:00", "until": "17:00"}, "2026-01-05T17:00", False),
        ({"from": "09:00", "until": "17:00", "timezone": "Europe/Berlin"}, "2026-01-05T16:30", False),
        ({"days": ["mon"]}, "2026-01-05T23:59", True),
        ({"days": ["mon"]}, "2026-01-06T00:00", False),
        ({"days": ["fri"], "from": "22:00", "until": "06:00"}, "2026-01-09T23:00", True),
        ({"days": ["fri"], "from": "22:00", "until": "06:00"}, "2026-01-10T05:59", True),
        ({"days": ["fri"], "from": "22:00", "until": "06:00"}, "2026-01-10T22:30", False),
        ({"days": ["fri"], "from": "22:00", "until": "06:00"}, "2026-01-09T05:00", False),
    ],
)
async def test_a_time_window_is_kept(clock: FixedClock, rule: dict[str, Any], at: str, inside: bool) -> None:
    """In its timezone, over midnight too, where the night belongs to the day it begins on."""
    clock.now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    stage = Stage(clock, {"time_window": rule})

    decision = await stage.manager.authorize_operation("scale", FACTS)

    assert decision.allowed is inside
    assert decision.reason == ("" if inside else "constraint_violation")


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", False), ("", False), ("fd00::1", True), ("x", False)],
)
async def test_a_rule_about_addresses_needs_an_address(clock: FixedClock, address: str, inside: bool) -> None:
    """A surface that hides it is refused."""
    stage = Stage(clock, {"source_ip": ["10.0.0.0/8", "fd00::/8"]})

    assert (await stage.manager.authorize_operation("scale", replace(FACTS, source_ip=address))).allowed is inside


async def test_a_quota_is_used_up_and_comes_back(clock: FixedClock) -> None:
    """Two an hour, refusals not counted, each workspace for itself."""
    stage = Stage(clock, {"quota": {"limit": 2, "per": "hour"}})
    allowed = []
    for _ in range(4):
        allowed.append(bool(await stage.manager.authorize_operation("scale", FACTS)))
        clock.advance(60)

    assert allowed == [True, True, False, False]
    assert await stage.manager.authorize_operation("scale", replace(FACTS, workspace_id="w2"))
    clock.advance(3600)
    assert await stage.manager.authorize_operation("scale", FACTS)


async def test_only_so_many_run_at_once(clock: FixedClock) -> None:
    """What has ended makes room, also when it failed."""
    stage = Stage(clock, {"concurrency": {"limit": 1}})

    async def fails() -> None:
        async with stage.manager.authorized("scale", FACTS) as first:
            assert first
            async with stage.manager.authorized("scale", FACTS) as second:
                assert second.reason == "constraint_violation"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()

    assert await stage.manager.authorize_operation("scale", FACTS)


async def test_what_could_not_be_recorded_does_not_count_as_running(clock: FixedClock) -> None:
    """The place is free again."""
    stage = Stage(clock, {"concurrency": {"limit": 1}})
    stage.audit.unavailable = True
    with pytest.raises(errors.AuditUnavailableError):
        await stage.manager.authorize_operation("scale", FACTS)
    stage.audit.unavailable = False

    assert await stage.manager.authorize_operation("scale", FACTS)
