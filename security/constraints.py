"""Constraints of an operation policy: when, from where, how often and how many at once.

Each constraint is a rule as plain data, a check of the rule's own form (made when the configuration is loaded) and
an evaluation, which answers with a sentence when the rule is violated. A name that is not in `CHECKS` is a
violation, never ignored. Quotas and concurrency are counted in this process.
"""

import ipaddress
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PERIODS = {"minute": 60, "hour": 3600, "day": 86400}

Key = tuple[str, str]


class Usage:
    """What was allowed lately and what runs now, by operation and workspace."""

    def __init__(self) -> None:
        self._allowed: dict[Key, deque[datetime]] = defaultdict(deque)
        self._running: dict[Key, int] = defaultdict(int)

    def note(self, key: Key, at: datetime) -> None:
        times = self._allowed[key]
        times.append(at)
        while (at - times[0]).total_seconds() > PERIODS["day"]:
            times.popleft()

    def allowed(self, key: Key, *, since: datetime) -> int:
        return sum(at > since for at in self._allowed[key])

    def running(self, key: Key) -> int:
        return self._running[key]

    @contextmanager
    def counted(self, key: Key) -> Iterator[None]:
        self._running[key] += 1
        try:
            yield
        finally:
            self._running[key] -= 1


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule is evaluated against."""

    key: Key
    source_ip: str
    now: datetime
    usage: Usage


@dataclass(frozen=True, slots=True)
class Check:
    problem: Callable[[Any], str]
    violated: Callable[[Any, Case], str]


def problems_of(constraints: Mapping[str, Any]) -> list[str]:
    """What is wrong with the rules themselves; a policy with problems is refused when it is loaded."""
    found = []
    for name, rule in constraints.items():
        check = CHECKS.get(name)
        problem = check.problem(rule) if check else f"is not known. Known: {', '.join(CHECKS)}"
        if problem:
            found.append(f"{name} {problem}")
    return found


def violation(constraints: Mapping[str, Any], case: Case) -> str:
    """The first violated constraint as a sentence, or nothing."""
    for name, rule in constraints.items():
        check = CHECKS.get(name)
        if check is None or check.problem(rule):
            return f"The constraint {name!r} cannot be evaluated."
        sentence = check.violated(rule, case)
        if sentence:
            return sentence
    return ""


def _window_problem(rule: Any) -> str:
    if not isinstance(rule, Mapping) or rule.keys() - {"days", "from", "until", "timezone"}:
        return "needs days, from, until and timezone, nothing else"
    days = rule.get("days", DAYS)
    if isinstance(days, str) or not set(days) <= set(DAYS):
        return f"has days other than {', '.join(DAYS)}"
    try:
        begin, end = _times(rule)
        _zone(rule)
    except (ValueError, TypeError, ZoneInfoNotFoundError, OSError):
        return "needs times such as 09:00 and a timezone such as Europe/Berlin"
    return "" if begin != end else "begins when it ends"


def _times(rule: Mapping[str, Any]) -> tuple[time, time]:
    return time.fromisoformat(rule.get("from", "00:00")), time.fromisoformat(rule.get("until", "23:59:59.999999"))


def _zone(rule: Mapping[str, Any]) -> tzinfo:
    name = rule.get("timezone", "UTC")
    return UTC if name == "UTC" else ZoneInfo(name)  # an image without tzdata still knows UTC


def _outside_window(rule: Mapping[str, Any], case: Case) -> str:
    """A window over midnight belongs to the day on which it begins."""
    local = case.now.astimezone(_zone(rule))
    begin, end = _times(rule)
    now, day = local.time(), local
    inside = begin <= now < end
    if end < begin:
        inside = now >= begin or now < end
        day = local - timedelta(days=1) if now < end else local
    if inside and DAYS[day.weekday()] in rule.get("days", DAYS):
        return ""
    days = ", ".join(rule.get("days", ("every day",)))
    return f"This is allowed {days} from {begin:%H:%M} to {end:%H:%M} {rule.get('timezone', 'UTC')}."


def _networks_problem(rule: Any) -> str:
    if isinstance(rule, str) or not isinstance(rule, list | tuple) or not rule:
        return "needs a list of networks such as 10.0.0.0/8"
    try:
        _networks(rule)
    except ValueError as error:
        return f"has a network that is none: {error}"
    return ""


def _networks(rule: Any) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(str(one)) for one in rule]


def _foreign_address(rule: Any, case: Case) -> str:
    try:
        address = ipaddress.ip_address(case.source_ip)
    except ValueError:
        return "This is allowed from certain networks only, and this surface hides where you are. Use the console."
    mapped = getattr(address, "ipv4_mapped", None)
    inside = any((mapped or address) in network for network in _networks(rule))
    return "" if inside else f"This is not allowed from {address}."


def _limit_problem(rule: Any, *known: str) -> str:
    if not isinstance(rule, Mapping) or set(rule) != {"limit", *known}:
        return f"needs {' and '.join(('limit', *known))}, nothing else"
    limit = rule["limit"]
    return "" if type(limit) is int and limit >= 0 else "needs a limit that is a whole number"


def _quota_problem(rule: Any) -> str:
    problem = _limit_problem(rule, "per")
    return problem or ("" if rule["per"] in PERIODS else f"counts per {', '.join(PERIODS)}")


def _quota_used(rule: Mapping[str, Any], case: Case) -> str:
    since = case.now - timedelta(seconds=PERIODS[rule["per"]])
    if case.usage.allowed(case.key, since=since) < rule["limit"]:
        return ""
    return f"The quota of {rule['limit']} per {rule['per']} is used up. Try again later."


def _too_many(rule: Mapping[str, Any], case: Case) -> str:
    running = case.usage.running(case.key)
    return "" if running < rule["limit"] else f"{running} of these already run, {rule['limit']} may at a time."


CHECKS: Mapping[str, Check] = {
    "time_window": Check(_window_problem, _outside_window),
    "source_ip": Check(_networks_problem, _foreign_address),
    "quota": Check(_quota_problem, _quota_used),
    "concurrency": Check(_limit_problem, _too_many),
}
