import asyncio
import json

import pytest

from console.api import requests
from tests.unit.console.conftest import TOKEN

SCALE = {"text": "scale web to 5 in shop", "as": "alice"}


async def problem(response):
    assert response.content_type == "application/problem+json"
    body = await response.json()
    assert body["status"] == response.status
    return body


async def started(owner):
    return (await (await owner.post("/api/v1/chat", json=SCALE)).json())["run_id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/chat"), ("GET", "/api/v1/runs"), ("GET", "/api/v1/runs/x"), ("GET", "/api/v1/runs/x/events"),
     ("GET", "/api/v1/approvals"), ("POST", "/api/v1/approvals/x/decision"), ("GET", "/api/v1/people"),
     ("POST", "/api/v1/people")],
)  # fmt: skip
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \udcff"])
async def test_nothing_is_told_or_done_without_the_token(stranger, house, method, path, header):
    """Every address below /api/v1 is the owner's."""
    headers = {} if header is None else {"Authorization": header.encode("utf-8", "surrogateescape").decode("latin-1")}

    response = await stranger.request(method, path, headers=headers, json=SCALE)

    assert response.status == 401
    assert (await problem(response))["title"] == "Not authorised"
    assert not house.stores.runs.rows


async def test_a_question_is_answered_in_the_name_of_the_person(owner):
    """The answer is the neutral reply, ready to be rendered."""
    response = await owner.post("/api/v1/chat", json={"text": "pods in shop", "as": "carol"})

    body = await response.json()
    assert response.status == 200
    assert (body["as"], body["run_id"]) == ("carol", "")
    assert body["reply"]["headline"]


async def test_a_change_becomes_a_run_that_waits(owner, house):
    """Chat gives its id, the run its card and who may approve."""
    run_id = await started(owner)

    shown = await (await owner.get(f"/api/v1/runs/{run_id}")).json()
    waiting = await (await owner.get("/api/v1/approvals")).json()

    assert shown["run"]["state"] == "waiting"
    assert shown["card"]["title"] == "Scale web in shop to 5"
    (entry,) = waiting["approvals"]
    assert (entry["run_id"], entry["requester"], entry["approvers"]) == (run_id, "alice", ["bob", "dave"])
    assert house.operations.calls("scale_deployment") == 0


async def test_the_same_message_sent_twice_starts_one_run(owner, house):
    """The idempotency key is the trigger."""
    headers = {"Idempotency-Key": "k1"}
    bodies = [
        await (await owner.post("/api/v1/chat", json={**SCALE, "session": "s"}, headers=headers)).json() for _ in "12"
    ]

    assert bodies[0]["run_id"] == bodies[1]["run_id"]
    assert len(house.stores.runs.rows) == 1


async def test_the_key_of_one_person_is_not_the_key_of_another(owner, house):
    """Nobody finds somebody else's run by choosing the same key."""
    for who in ("alice", "dave"):
        await owner.post("/api/v1/chat", json={**SCALE, "as": who}, headers={"Idempotency-Key": "k1"})

    assert {run.plan.requester_id for run in house.stores.runs.rows.values()} == {"alice", "dave"}


@pytest.mark.parametrize("key", ["x" * 101, "\u00e9"])
async def test_a_key_that_cannot_be_one_is_refused(owner, key):
    """It would travel on in headers."""
    response = await owner.post("/api/v1/chat", json=SCALE, headers={"Idempotency-Key": key})

    assert (response.status, (await problem(response))["title"]) == (422, "Wrong key")


async def test_a_body_that_does_not_arrive_is_not_waited_for(owner, monkeypatch):
    """A connection is not held forever."""
    monkeypatch.setattr(requests, "PATIENCE", 0.05)
    over = asyncio.Event()

    async def stalled():
        yield b"{"
        await over.wait()

    response = await owner.post("/api/v1/chat", data=stalled())
    over.set()

    assert (response.status, (await problem(response))["title"]) == (408, "Too slow")


async def test_a_decision_follows_the_same_rules_as_everywhere(owner, house):
    """carol and alice are refused with a reason, bob's approval runs it, once."""
    run_id = await started(owner)
    address = f"/api/v1/approvals/{run_id}/decision"

    answers = {}
    for who in ("carol", "alice", "bob", "dave"):
        response = await owner.post(address, json={"decision": "approve", "as": who})
        answers[who] = await response.json()
    await house.drive()

    assert {who: answer["accepted"] for who, answer in answers.items()} == {
        "carol": False, "alice": False, "bob": True, "dave": False,
    }  # fmt: skip
    assert all(answer["reply"]["headline"] for answer in answers.values())
    assert house.operations.calls("scale_deployment") == 1
    assert (await (await owner.get("/api/v1/runs")).json())["runs"][0]["state"] == "succeeded"


async def test_a_rejection_carries_its_reason(owner, house):
    """The requester learns why."""
    run_id = await started(owner)

    await owner.post(
        f"/api/v1/approvals/{run_id}/decision", json={"decision": "reject", "as": "bob", "reason": "not today"}
    )

    run = await house.stores.runs.get(run_id)
    assert (run.approval.decision.value, run.approval.reason) == ("rejected", "not today")


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        (b"{", 400, "Not JSON"),
        (b"\xff\xfe", 400, "Not JSON"),
        (b"[" * 50_000, 400, "Not JSON"),
        (b"[]", 400, "Not an object"),
        (b"{}", 422, "Missing field"),
        (b'{"text": 5}', 422, "Wrong type"),
        (b'{"text": "  "}', 422, "Nothing asked"),
        (b'{"text": "hi", "as": "mallory"}', 404, "Unknown person"),
        (b'{"text": "hi", "as": "mallory@example.com"}', 404, "Unknown person"),
        (b'{"text": "hi"}', 422, "Who is asking?"),
        (b'{"text": "hi", "as": "alice", "workspace": "other"}', 404, "Unknown workspace"),
        (json.dumps({"text": "x" * 12_001, "as": "alice"}).encode(), 422, "Too long"),
        (b" " * 70_000, 413, "Too large"),
    ],
)
async def test_bad_requests_get_a_problem_that_names_the_cause(owner, body, status, title):
    """Never a trace, never a guess."""
    response = await owner.post("/api/v1/chat", data=body)

    assert response.status == status
    assert (await problem(response))["title"] == title


async def test_a_body_without_length_is_cut_off_as_well(owner):
    """The limit holds for what arrives, not for what was announced."""

    async def endless():
        for _ in range(200):
            yield b"x" * 1000

    response = await owner.post("/api/v1/chat", data=endless())

    assert response.status == 413


async def test_what_is_not_known_is_said(owner):
    """An unknown run, and a decision that is none."""
    assert (await owner.get("/api/v1/runs/nope")).status == 404
    response = await owner.post("/api/v1/approvals/x/decision", json={"decision": "maybe", "as": "bob"})
    assert (await problem(response))["detail"] == "The decision must be “approve” or “reject”."
    unknown = await owner.post("/api/v1/approvals/nope/decision", json={"decision": "approve", "as": "bob"})
    assert (await unknown.json())["accepted"] is False


async def test_following_a_run_answers_when_it_changes(owner, house):
    """A long poll returns at the next version, without being asked again and again."""
    run_id = await started(owner)
    before = await (await owner.get(f"/api/v1/runs/{run_id}/events")).json()
    following = asyncio.create_task(owner.get(f"/api/v1/runs/{run_id}/events?since={before['version']}&wait=20"))

    await house.decide(run_id, "bob")

    after = await (await asyncio.wait_for(following, 5)).json()
    assert before["waiting"]
    assert after["version"] > before["version"]
    assert not after["waiting"]
    await house.drive()
    last = await (await owner.get(f"/api/v1/runs/{run_id}/events?since={after['version']}&wait=20")).json()
    assert last["final"]
    assert {step["state"] for step in last["steps"]} == {"done"}


async def test_following_gives_up_after_the_wait(owner):
    """Nothing changed: the run as it is."""
    run_id = await started(owner)

    body = await (await owner.get(f"/api/v1/runs/{run_id}/events?since=99999&wait=0")).json()

    assert body["state"] == "waiting"
    assert (await owner.get(f"/api/v1/runs/{run_id}/events?since=-1")).status == 422


async def test_secrets_in_a_run_do_not_leave(owner, house):
    """What somebody typed into a request is redacted on the way out."""
    answer = await owner.post("/api/v1/chat", json={**SCALE, "text": "scale web to 5 in shop"})
    run_id = (await answer.json())["run_id"]
    run = house.stores.runs.rows[run_id]
    house.stores.runs.rows[run_id] = type(run)(
        **{**{name: getattr(run, name) for name in run.__slots__}, "request_text": "password=hunter2"}
    )

    assert "hunter2" not in await (await owner.get(f"/api/v1/runs/{run_id}")).text()


async def test_a_process_tells_whether_it_lives_and_is_ready(stranger, services):
    """Liveness depends on nothing; why a check fails is told to the owner alone."""

    async def failing():
        return "the disk of host db-7 is full"

    assert (await stranger.get("/healthz")).status == 200
    assert (await stranger.get("/readyz")).status == 200
    services.checks.add("database", failing)

    public = await stranger.get("/readyz")
    private = await stranger.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"})

    assert (public.status, (await public.json())["checks"]) == (503, {"database": "failing"})
    assert (await private.json())["checks"] == {"database": "the disk of host db-7 is full"}
    assert (await stranger.get("/healthz")).status == 200


async def test_metrics_are_served_in_prometheus_format(stranger, services):
    """The names are the ones dashboards rely on."""
    services.metrics.acknowledged(duration=0.1)

    response = await stranger.get("/metrics")

    assert response.content_type == "text/plain"
    assert "aiops_inbox_acknowledgement_seconds_count 1.0" in await response.text()


@pytest.mark.parametrize("field", ["text", "as", "session", "workspace"])
async def test_half_a_character_is_refused_before_anything_is_done(owner, house, field):
    """JSON can escape what no database can store; the answer says so instead of failing."""
    body = json.dumps({**SCALE, field: "a\ud800"})

    response = await owner.post("/api/v1/chat", data=body)

    assert response.status == 400
    assert (await problem(response))["title"] == "Not text"
    assert not house.stores.runs.rows


async def test_what_nobody_expected_is_a_problem_with_a_request_to_look_for(owner, house, monkeypatch, caplog):
    """Told without the inside, logged with it, both under one id."""

    async def broken(_workspace_id):
        raise RuntimeError("the inside")

    monkeypatch.setattr(house.stores.approvals, "waiting", broken)

    body = await problem(await owner.get("/api/v1/approvals"))

    (record,) = [one for one in caplog.records if one.name == "aiops.console"]
    assert body["status"] == 500
    assert record.request_id in body["next_step"]
    assert "the inside" not in str(body)
    assert "the inside" in caplog.text
