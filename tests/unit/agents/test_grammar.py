"""The command grammar: exact intents, and abstention where a guess would be needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.chat import grammar
from agents.chat.commands import Intent, Unclear

SCALE = {"deployment_name": "web", "replicas": 5}


@pytest.mark.parametrize(
    "text",
    [
        "scale web to 5 in shop",
        "Scale web to 5 in shop.",
        "scale web 5 -n shop",
        "scale web 5 --namespace=shop",
        "scale web to 5 --namespace shop",
        "please scale deployment web in shop to 5 replicas",
        "scale web to five in the shop namespace",
        "scale web to 5 replicas in namespace shop",
        "scale deployment/web --replicas=5 -n shop",
        "scale web in shop to 5",
        "could you scale the web deployment up to 5 pods in shop please",
        "resize web to 5 in shop",
        "scale   web \n to 5\tin shop",
        "scale web=5 in shop",
    ],
)
def test_phrasings_of_one_request_give_one_intent(text):
    """However it is said, the typed request is the same."""
    intent = grammar.parse(text)

    assert intent == Intent("scale_application", SCALE, namespace="shop", requires_action=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Intent("help")),
        ("help", Intent("help", {"topic": ""})),
        ("help scale", Intent("help", {"topic": "scale"})),
        ("whoami", Intent("whoami")),
        ("approvals", Intent("approvals")),
        ("show approvals", Intent("approvals")),
        ("runs", Intent("runs")),
        ("pods", Intent("pods")),
        ("get pods in shop", Intent("pods", namespace="shop")),
        ("pods web in shop on cluster east", Intent("pods", {"name": "web"}, "shop", "east")),
        ("deployments -n shop -c east", Intent("deployments", {}, "shop", "east")),
        ("status web in shop", Intent("status", {"name": "web"}, "shop")),
        ("health of web in shop", Intent("status", {"name": "web"}, "shop")),
        ("events in shop", Intent("events", {}, "shop")),
        ("show me the events of web in shop", Intent("events", {"name": "web"}, "shop")),
        (
            "logs checkout -n shop --lines 20 --previous",
            Intent("logs", {"name": "checkout", "lines": 20, "previous": True, "container": ""}, "shop"),
        ),
        (
            "show me the logs of checkout in shop",
            Intent("logs", {"name": "checkout", "lines": 100, "previous": False, "container": ""}, "shop"),
        ),
        (
            "scale 123 4 -n shop",
            Intent("scale_application", {"deployment_name": "123", "replicas": 4}, "shop", requires_action=True),
        ),
    ],
)
def test_commands_are_understood(text, expected):
    """Each command gives its typed intent."""
    assert grammar.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scale web in shop", "To how many replicas?"),
        ("scale to 5 in shop", "Which deployment?"),
        ("scale web to 5", "In which namespace?"),
        ("scale web to -3 in shop", "from 0 to 1000, not -3"),
        ("scale web to 99999 in shop", "from 0 to 1000, not 99999"),
        ("scale web to 5.5 in shop", "not a whole number"),
        ("scale web by two in shop", "only part of this"),
        ("scale web from 3 to 5 in shop", "only part of this"),
        ("scale web and api to 5 in shop", "only part of this"),
        ("scale web to 5 6 in shop", "Which of these numbers"),
        ("scale we_b to 5 in shop", "not a valid name"),
        ("scale ../secrets to 5 in shop", "not a valid name"),
        ("logs in shop", "The logs of which"),
        ("logs web in shop --lines 0", "1 to"),
        ("pods --namespac shop", "do not know the option"),
        ("pods -n", "needs a value"),
        ("pods in sh_op", "not a valid namespace"),
        ("delete everything", "do not know the command 'delete'"),
        ("why is checkout slow", "do not know the command 'why'"),
    ],
)
def test_what_is_missing_or_wrong_is_asked_back(text, says):
    """The grammar abstains and names what it needs."""
    unclear = grammar.parse(text)

    assert isinstance(unclear, Unclear)
    assert says in unclear.question


def test_a_typo_leads_to_a_suggestion():
    """An unknown command close to a known one is offered."""
    assert grammar.parse("scael web to 5 in shop") == Unclear(
        "I do not know the command 'scael'.", suggestions=("scale",)
    )


@given(st.text(max_size=300))
def test_any_text_is_answered(text):
    """No text makes the grammar fail, and none without the verb becomes a change."""
    understood = grammar.parse(text)

    assert isinstance(understood, Intent | Unclear)
    if isinstance(understood, Intent) and understood.requires_action:
        assert {"scale", "resize"} & set(text.lower().replace("/", " ").split())


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("scale web to 0 in shop in staging", "Which namespace: shop or staging?"),
        ("scale web to 5 in shop -n staging", "Which namespace: staging or shop?"),
        ("scale web to 5 -n shop --namespace staging", "Which namespace: shop or staging?"),
        ("scale web to 5 in shop ns staging", "Which namespace: shop or staging?"),
        ("scale web to 5 in shop on cluster east -c west", "Which cluster: west or east?"),
        ("scale web -n shop --replicas 5 --replicas 6", "Which replicas: 5 or 6?"),
        ("logs web in shop --lines 5 --tail 6", "Which lines: 5 or 6?"),
    ],
)
def test_two_different_places_are_asked_back(text, question):
    """Which of them was meant is not for a parser to decide."""
    assert grammar.parse(text) == Unclear(question)


def test_the_same_place_twice_is_one_place():
    """Repeating oneself is no contradiction."""
    intent = grammar.parse("scale web to 5 in shop -n Shop")

    assert intent == Intent("scale_application", SCALE, namespace="shop", requires_action=True)
