"""The guards of tests/conftest.py guard: a test cannot reach the world, nor see the environment of its author."""

import os
import socket

import pytest

from tests.conftest import OutsideConnection


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("2001:db8::1", 443), ("example.invalid", 80)])
def test_a_connection_to_the_outside_is_refused_and_remembered(network_is_loopback_only, address):
    """Both the caller and the end of the test hear of it."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock, pytest.raises(OutsideConnection):
        sock.connect(address)

    assert network_is_loopback_only == [str(address)]
    network_is_loopback_only.clear()


def test_a_name_is_not_looked_up_outside(network_is_loopback_only):
    """The question alone would leave this machine."""
    with pytest.raises(OutsideConnection):
        socket.getaddrinfo("example.invalid", 443)

    assert network_is_loopback_only == ["example.invalid"]
    network_is_loopback_only.clear()


async def test_asyncio_is_guarded_too(network_is_loopback_only):
    """Aiohttp and httpx2 connect through the event loop."""
    import asyncio

    with pytest.raises(OutsideConnection):
        await asyncio.open_connection("192.0.2.1", 443)

    network_is_loopback_only.clear()


def test_a_connection_on_this_machine_is_allowed():
    """Servers on 127.0.0.1 are what tests talk to."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_the_environment_of_the_author_does_not_leak_in():
    """A token exported in a shell must not let a test talk to a real workspace."""
    assert not [name for name in os.environ if name.startswith(("SLACK_", "OPENAI_", "ANTHROPIC_"))]


def test_the_clock_moves_only_when_told(clock):
    """Two readings are equal until the clock is advanced."""
    before = clock()
    clock.advance(90)

    assert (clock() - before).total_seconds() == 90
