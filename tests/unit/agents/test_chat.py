"""UserChatAgent: reading commands answered at once, in words that stand alone."""

import pytest

from agents import replies
from agents.agent import TaskResult
from agents.chat.agent import UserChatAgent
from agents.ports import WorkingSet
from controlplane.contract import errors as cp
from tests.unit.agents.test_agents import STATUS

POD = {"name": "web-abc-1", "status": "Running", "ready": "1/1", "restarts": 0}
BAD = {"name": "checkout-def-1", "status": "CrashLoopBackOff", "ready": "0/1", "restarts": 7}


class Orchestrator:
    """Answers every order with one result."""

    def __init__(self, result):
        self.result = result
        self.orders = []

    async def execute(self, task, _context):
        self.orders.append(task)
        return self.result


@pytest.fixture
def orchestrator():
    return Orchestrator(TaskResult(True, {"run_id": "run-1", "waiting": True}, "waits"))


@pytest.fixture
def chat(kubernetes, orchestrator, recorder):
    return UserChatAgent(kubernetes=kubernetes, orchestrator=orchestrator, recorder=recorder, listings={})


async def say(chat, context, text, **more):
    return await chat.execute({"action": "chat", "query": text, "trigger": "t1", **more}, context)


async def test_pods_are_listed_worst_first_with_a_takeaway(chat, context, operations):
    """The crash-looping pod stands above the healthy one."""
    operations.script("read", "get_pods", {"items": [POD, BAD]})

    reply = (await say(chat, context, "pods in shop")).data["reply"]

    assert reply.fallback == "shop: 1 of 2 pods are not well."
    assert [row[0] for row in reply.elements[0].rows] == ["checkout-def-1", "web-abc-1"]


async def test_deployments_name_those_that_lack_pods(chat, context, operations):
    """Sorted worst first."""
    sick = STATUS | {"name": "checkout", "available": 0, "state": "failed"}
    operations.script("read", "list_deployments", {"items": [STATUS, sick]})

    reply = (await say(chat, context, "deployments in shop")).data["reply"]

    assert "1 of 2 deployments lack ready pods: checkout." in reply.fallback
    assert reply.elements[0].rows[0][0] == "checkout"


async def test_logs_of_a_deployment_are_those_of_its_worst_pod(chat, context, operations):
    """A workload's name is enough."""
    operations.script("read", "get_pods", {"items": [POD, BAD | {"name": "checkout-def-2", "restarts": 9}, BAD]})
    operations.script("read", "get_logs", {"lines": ["one", "two"], "truncated": True})

    reply = (await say(chat, context, "logs checkout in shop --previous --lines 2")).data["reply"]

    asked = operations.calls("read")[-1].parameters
    assert (asked["pod_name"], asked["previous"], asked["lines"]) == ("checkout-def-2", True, 2)
    assert reply.elements[0].content == "one\ntwo"


async def test_logs_of_nothing_name_what_there_is(chat, context, operations):
    """The next step is in the answer."""
    operations.script("read", "get_pods", {"items": [POD]})

    reply = (await say(chat, context, "logs nope in shop")).data["reply"]

    assert "no pod or workload nope" in reply.fallback
    assert "web-abc-1" in replies.plain(reply.elements[0].text)


async def test_status_says_healthy_plainly(chat, context, operations):
    """And what it would otherwise be."""
    operations.script(
        "read", "get_deployment_status", STATUS, STATUS | {"state": "failed", "reason": "Boom", "available": 1}
    )

    assert "is healthy: 3 of 3" in (await say(chat, context, "status web in shop")).data["reply"].fallback
    assert "is failing (Boom): 1 of 3" in (await say(chat, context, "status web in shop")).data["reply"].fallback


async def test_events_are_newest_first(chat, context, operations):
    """Warnings are counted."""
    events = [
        {"type": "Normal", "object": "Pod/a", "reason": "Started", "count": 1, "message": "m"},
        {"type": "Warning", "object": "Pod/b", "reason": "BackOff", "count": 9, "message": "m"},
    ]
    operations.script("read", "get_events", {"items": events})

    reply = (await say(chat, context, "events in shop")).data["reply"]

    assert "2 events, 1 of them warnings" in reply.fallback
    assert reply.elements[0].rows[0][0] == "Pod/b"


async def test_a_question_without_a_place_is_about_the_last_one(chat, context, operations):
    """The working set fills in for questions."""
    operations.script("read", "get_pods", {"items": [POD]})

    result = await say(chat, context, "pods", working=WorkingSet(namespace="shop", cluster="east"))

    asked = operations.calls("read")[0].parameters
    assert (asked["namespace"], asked["cluster"]) == ("shop", "east")
    assert result.data["working"] == WorkingSet("east", "shop")


async def test_a_change_without_a_place_is_asked_back(chat, context, orchestrator):
    """Never guessed, whatever was talked about before."""
    result = await say(chat, context, "scale web to 5", working=WorkingSet(namespace="shop"))

    assert "In which namespace?" in result.data["reply"].fallback
    assert orchestrator.orders == []


async def test_a_question_without_any_place_is_asked_back(chat, context, operations):
    """One clarifying question."""
    assert "In which namespace?" in (await say(chat, context, "pods")).data["reply"].fallback
    assert operations.asked == []


async def test_a_change_goes_to_the_orchestrator_and_shows_its_card(chat, context, orchestrator):
    """No reply of its own: the card speaks."""
    result = await say(chat, context, "scale web to 5 in shop")

    assert result.data["run_id"] == "run-1"
    assert "reply" not in result.data
    assert orchestrator.orders[0]["parameters"] == {"deployment_name": "web", "replicas": 5}


async def test_help_offers_only_what_the_caller_may_do(chat, context):
    """A viewer is not offered scaling."""
    from dataclasses import replace

    viewer = replace(context, permissions=("pods.get:shop", "deployments.get:*"))
    rows = (await say(chat, viewer, "help")).data["reply"].elements[0].rows

    usages = " ".join(row[0] for row in rows)
    assert "pods" in usages
    assert "scale" not in usages
    assert "logs" not in usages


async def test_an_unknown_command_suggests_and_points_to_help(chat, context):
    """Did you mean, or the help."""
    close = (await say(chat, context, "scael web to 5 in shop")).data["reply"]
    far = (await say(chat, context, "xyzzy")).data["reply"]

    assert "Did you mean scale?" in replies.plain(close.elements[0].text)
    assert "help" in replies.plain(far.elements[0].text)


async def test_a_failed_reading_says_what_to_do(chat, context, operations):
    """Cause in the headline, next step below."""
    operations.script("read", "get_pods", cp.ClusterUnavailableError("The cluster demo cannot be reached."))

    result = await say(chat, context, "pods in shop")

    assert result.data["reply"].fallback == "The cluster demo cannot be reached."
    assert "Try again" in replies.plain(result.data["reply"].elements[0].text)
