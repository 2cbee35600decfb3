"""Calls to Slack: their pace, and what becomes of failures."""

from types import SimpleNamespace

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot import errors
from bot.calls import Bucket, SlackCalls


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


class Client:
    """Answers each call with the next of *answers*; an exception is raised."""

    base_url = "http://127.0.0.1:9/api/"
    session = None

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = 0

    async def chat_postMessage(self, **_):
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else {"ok": True}
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(data=answer)


def refused(code="", status=200, **headers):
    data = {"ok": False, "error": code} if code else {}
    return SlackApiError("no", SimpleNamespace(status_code=status, headers=headers, data=data))


def calls(client, clock, pace=(60, 3)):
    return SlackCalls(client, paces={"chat.postMessage": pace}, now=clock, sleep=clock.sleep)


async def test_a_burst_goes_at_once_and_the_rest_at_the_pace():
    """Three at once, then one a second."""
    clock, client = Clock(), Client()
    slack = calls(client, clock)
    times = []

    for _ in range(6):
        await slack.call("chat.postMessage", team="T1")
        times.append(clock.now - 100)

    assert times == [0, 0, 0, 1, 2, 3]


async def test_teams_have_their_own_pace():
    """Slack counts per team."""
    clock = Clock()
    slack = calls(Client(), clock, pace=(60, 1))

    await slack.call("chat.postMessage", team="T1")
    await slack.call("chat.postMessage", team="T2")

    assert clock.now == 100


async def test_after_a_rate_limit_nobody_uses_the_method():
    """The next call is refused here instead of held for half a minute."""
    clock, client = Clock(), Client(refused("ratelimited", 429, **{"Retry-After": "30"}))
    slack = calls(client, clock)

    with pytest.raises(errors.SlackRateLimited) as first:
        await slack.call("chat.postMessage", team="T1")
    with pytest.raises(errors.SlackRateLimited) as second:
        await slack.call("chat.postMessage", team="T1")
    clock.now += 30
    await slack.call("chat.postMessage", team="T1")

    assert (first.value.retry_after, second.value.retry_after, client.calls) == (30, 30, 2)
    assert not first.value.applied


@pytest.mark.parametrize(
    ("problem", "kind", "applied"),
    [
        (refused("channel_not_found"), errors.SlackRefused, None),
        (refused("internal_error"), errors.SlackUnavailable, True),
        (refused("", 503), errors.SlackUnavailable, True),
        (refused("", 200), errors.SlackUnavailable, True),
        (TimeoutError(), errors.SlackUnavailable, True),
        (aiohttp.ServerDisconnectedError(), errors.SlackUnavailable, True),
        (
            aiohttp.ClientConnectorError(SimpleNamespace(ssl=True, host="h", port=1), OSError()),
            errors.SlackUnavailable,
            False,
        ),
    ],
)
async def test_a_failure_says_whether_it_may_have_happened(problem, kind, applied):
    """Only a connection that was never made, and a refusal, certainly did nothing."""
    with pytest.raises(kind) as raised:
        await calls(Client(problem), Clock()).call("chat.postMessage", team="T1")

    assert getattr(raised.value, "applied", None) == applied


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://hooks.slack.com/x",
        "https://slack.com.evil.example/x",
        "https://notslack.com/x",
    ],
)
async def test_a_response_url_of_somebody_else_is_not_called(url):
    """An address that is not Slack's, or not encrypted, never gets our words."""
    client = Client()
    client.session = object()

    with pytest.raises(errors.ResponseUrlExpired):
        await calls(client, Clock()).respond(url, text="secret")


def test_an_idle_bucket_saves_no_more_than_its_burst():
    """After an hour of silence it is three calls, not thousands."""
    clock = Clock()
    bucket = Bucket(60, 3, clock)
    clock.now += 3600
    waits = []
    for _ in range(4):
        waits.append(bucket.wait())
        bucket.take()

    assert waits == [0, 0, 0, 1]
