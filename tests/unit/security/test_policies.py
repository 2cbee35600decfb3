from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from security.policies import (
    ApprovalPolicy,
    Environments,
    Match,
    Policies,
    PolicySet,
    Rule,
    Ruling,
    duration,
    may_decide,
    strictest,
)

APPROVER = ("approvals.decide:shop",)
OPERATOR = ("deployments.scale:*",)


def decide(ruling, *, decider, permissions, requester="alice"):
    return may_decide(
        ruling,
        decider=decider,
        requester=requester,
        permissions=permissions,
        namespace="shop",
        operation_permissions=("deployments.scale",),
    )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)])
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    """The four units mean what they say."""
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [30, "30", "m", "0m", "-5m", "1.5h", "30 m", "30m\n", "", None, True, "٣m"])
def test_what_is_no_duration_is_refused_with_an_example(value):
    """A bare number could be seconds or minutes, so it is refused."""
    with pytest.raises(ValueError, match="30m"):
        duration(value)


@pytest.mark.parametrize("environment", ["prod", "", "Production", "LIVE", " prd "])
def test_production_needs_four_eyes_however_it_is_spelled(environment):
    """The shipped policy lets nobody approve their own change to production."""
    ruling = PolicySet().ruling("scale_deployment", environment, "shop", "demo")

    assert (ruling.approval.votes, ruling.approval.self_approval) == (1, False)
    assert decide(ruling, decider="alice", permissions=("*:*",)).code == "own_request"
    assert decide(ruling, decider="bob", permissions=APPROVER) is None


def test_elsewhere_the_requester_may_approve_what_their_role_allows():
    """The shipped policy for any other environment: one vote, one's own included."""
    ruling = PolicySet().ruling("scale_deployment", "staging", "staging", "demo")

    assert ruling.approval.self_approval
    assert decide(ruling, decider="alice", permissions=OPERATOR) is None
    assert decide(ruling, decider="alice", permissions=("pods.get:*",)).code == "no_operation_permission"


def test_holding_the_operation_is_no_right_to_approve_for_others():
    """Approving for others needs approvals.decide in that namespace and nothing else."""
    ruling = PolicySet().ruling("scale_deployment", "staging", "staging", "demo")

    refusal = decide(ruling, decider="eve", permissions=OPERATOR)

    assert refusal.code == "no_permission"
    assert "approvals.decide in the namespace shop" in refusal.who_may
    assert decide(ruling, decider="bob", permissions=("approvals.decide:other",)).code == "no_permission"


def test_a_refusal_names_who_may():
    """Whoever is refused learns whom to ask."""
    refusal = decide(Ruling("r", ApprovalPolicy()), decider="alice", permissions=("*:*",))

    assert "wants somebody else" in refusal.reason
    assert refusal.who_may == (
        "Whoever holds approvals.decide in the namespace shop may approve; the requester may not."
    )


def test_an_empty_list_of_approvers_means_nobody():
    """Omission never means yes."""
    ruling = Ruling("r", ApprovalPolicy(approvers=(), self_approval=True))

    refusals = [decide(ruling, decider=who, permissions=("*:*",)) for who in ("alice", "bob", "dave")]

    assert {refusal.code for refusal in refusals} == {"not_a_named_approver"}
    assert "Nobody may approve" in refusals[0].who_may


def test_a_named_approver_still_needs_the_permission():
    """The list narrows who may decide, it does not grant."""
    ruling = Ruling("r", ApprovalPolicy(approvers=("bob", "carol")))

    assert decide(ruling, decider="bob", permissions=APPROVER) is None
    assert decide(ruling, decider="carol", permissions=()).code == "no_permission"
    assert decide(ruling, decider="dave", permissions=("*:*",)).code == "not_a_named_approver"


def test_where_policy_asks_for_no_approval_there_is_nothing_to_decide():
    """A run without an approval is recorded as policy's own, never as somebody's."""
    assert decide(Ruling("r", ApprovalPolicy(votes=0)), decider="bob", permissions=APPROVER).code == "not_needed"


def test_the_first_rule_that_matches_wins():
    """Order is precedence."""
    rules = (
        Rule(name="night shop", match=Match(namespaces=("shop-*",)), approval=ApprovalPolicy(votes=0)),
        Rule(name="scaling", match=Match(operations=("scale_*",)), approval=ApprovalPolicy(self_approval=True)),
    )
    policies = PolicySet(Policies(rules=rules))

    assert policies.ruling("scale_deployment", "prod", "shop-eu", "demo").rule == "night shop"
    assert policies.ruling("scale_deployment", "prod", "shop", "demo").rule == "scaling"


def test_what_no_rule_matches_gets_the_strict_default():
    """Own rules replace the shipped ones; the gaps between them are closed, not open."""
    policies = PolicySet(Policies(rules=(Rule(name="only staging", match=Match(environments=("staging",))),)))

    ruling = policies.ruling("scale_deployment", "dev", "web", "demo")

    assert ruling == Ruling("strict default", ApprovalPolicy())
    assert ruling.approval.expires_after == timedelta(minutes=30)
    assert ruling.approval.execute_within == timedelta(minutes=15)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_rules_at_all_means_the_strict_default_for_everything(operation, environment, namespace, cluster):
    """An empty list of rules opens nothing."""
    ruling = PolicySet(Policies(rules=())).ruling(operation, environment, namespace, cluster)

    assert (ruling.approval.votes, ruling.approval.self_approval) == (1, False)


def test_a_namespace_without_an_environment_is_production():
    """Unknown means prod, in an unknown cluster too."""
    environments = Environments({"demo": {"staging": "Staging"}, "lab": {"*": "dev", "web": "live"}})

    assert environments.of("demo", "staging") == "staging"
    assert environments.of("demo", "new") == environments.of("nowhere", "x") == environments.of("lab", "web") == "prod"
    assert environments.of("lab", "anything") == "dev"


def test_the_version_changes_with_everything_a_ruling_depends_on():
    """An approval given under another policy is seen to be so."""
    versions = {
        PolicySet().version,
        PolicySet(Policies(rules=())).version,
        PolicySet(Policies(rules=tuple(reversed(Policies().rules)))).version,
        PolicySet(environments=Environments({"demo": {"shop": "dev"}})).version,
    }

    assert len(versions) == 4
    assert PolicySet().version == PolicySet(Policies()).version


@pytest.mark.parametrize("bad", [{"votes": 2}, {"votes": True}, {"votes": -1}, {"self_approval": "yes"},
                                 {"expires_after": 30}, {"vote": 1}])  # fmt: skip
def test_a_mistake_in_a_rule_is_refused(bad):
    """More votes than the approval row can hold would be counted as one, so they are refused."""
    with pytest.raises(ValidationError):
        ApprovalPolicy.model_validate(bad)


def test_an_empty_list_in_a_match_is_refused():
    """It could mean nothing or everything."""
    with pytest.raises(ValidationError):
        Match.model_validate({"namespaces": []})


def test_a_plan_of_several_operations_gets_the_strictest_of_their_rulings():
    """A lenient step does not open a strict plan."""
    lenient = Ruling("lenient", ApprovalPolicy(self_approval=True, expires_after=timedelta(minutes=5)))
    strict = Ruling("strict", ApprovalPolicy(approvers=("bob", "dave")))
    free = Ruling("free", ApprovalPolicy(votes=0))

    both = strictest([free, lenient, strict])

    assert (both.rule, both.approval.votes, both.approval.self_approval) == ("strict", 1, False)
    assert both.approval.approvers == ("bob", "dave")
    assert both.approval.expires_after == timedelta(minutes=5)
    assert strictest([]).approval == ApprovalPolicy()
    assert strictest([free]).approval.votes == 0
