"""What every test stands on: a clock that only moves when told, an empty environment, and no way out of this machine.

The network guard records every refused attempt and fails the test at its end, because a product edge that swallows
exceptions would otherwise hide that a test tried to reach the world.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

KEPT_VARIABLES = {"HEXA_TEST_POSTGRES_URL", "HEXA_TEST_KUBECONFIG"}
PRODUCT_PREFIXES = ("HEXA_", "SLACK_", "OPENAI_", "ANTHROPIC_", "OLLAMA_", "KUBECONFIG")


class FixedClock:
    """A clock for injection: calling it tells the time, `advance` moves it."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class OutsideConnection(RuntimeError):  # noqa: N818 -- a signal to the author of a test, nobody handles it
    """A test tried to leave this machine; point the code at a server on 127.0.0.1 instead."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 1, 5, 9, 0, tzinfo=UTC))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "hexa"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def product_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PRODUCT_PREFIXES) and name not in KEPT_VARIABLES:
            monkeypatch.delenv(name)


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host is written as, or None when it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def stays_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a path or an abstract name: a Unix socket
    written = address_of(address[0])
    return written.is_loopback if written else address[0] in {"localhost", ""}


@pytest.fixture(autouse=True)
def network_is_loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    refused: list[str] = []

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, address: Any) -> Any:
            if not stays_here(address):
                refused.append(str(address))
                raise OutsideConnection(f"{OutsideConnection.__doc__} Refused: {address}")
            return original(self, address)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo, refused))
    yield refused
    assert not refused, f"the test tried to reach {refused}: {OutsideConnection.__doc__}"


def _guarded_lookup(original: Callable[..., Any], refused: list[str]) -> Callable[..., Any]:
    """Names are looked up by the C library, past any socket guard, so the question itself is refused."""

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not address_of(name) and not stays_here((name,)):
            refused.append(name)
            raise OutsideConnection(f"{OutsideConnection.__doc__} Refused: the address of {name}")
        return original(host, *args, **kwargs)

    return lookup
