import pytest
from hypothesis import given
from hypothesis import strategies as st

from security import permissions
from security.permissions import SHIPPED_ROLES, allows, allows_all, effective, scoped
from security.subjects import RoleBinding

WORDS = st.text(alphabet="abcxyz-", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("held", "needed", "expected"),
    [
        ("deployments.scale:shop", "deployments.scale:shop", True),
        ("deployments.scale:shop", "deployments.scale:staging", False),
        ("deployments.scale:shop", "deployments.scale", False),
        ("deployments.scale:*", "deployments.scale:shop", True),
        ("deployments.scale:*", "deployments.scale", True),
        ("deployments.scale", "deployments.scale:shop", True),
        ("deployments.scale:*", "deployments.get:shop", False),
        ("pods.logs:*", "pods.get:*", False),
        ("deployments.*:shop", "deployments.scale:shop", True),
        ("deployments.*:shop", "pods.get:shop", False),
        ("*.get:shop", "pods.get:shop", True),
        ("*.get:shop", "pods.logs:shop", False),
        ("*:shop", "deployments.scale:shop", True),
        ("*:shop", "deployments.scale:staging", False),
        ("*", "approvals.decide:shop", True),
        ("*:*", "approvals.decide:shop", True),
        ("deployments.scale:sho", "deployments.scale:shop", False),
        ("", "deployments.scale:shop", False),
    ],
)
def test_a_permission_covers_its_resource_verb_and_namespace(held, needed, expected):
    """A star stands for every value of its part; nothing is implied."""
    assert allows([held], needed) is expected


def test_nothing_held_allows_nothing():
    """And all of nothing needed is allowed, so callers must name what they need."""
    assert not allows([], "pods.get:shop")
    assert allows_all(("pods.get:*",), [])
    assert not allows_all(("pods.get:*",), ["pods.get:shop", "pods.logs:shop"])


@given(WORDS, WORDS, WORDS, WORDS)
def test_a_permission_in_one_namespace_says_nothing_of_another(resource, verb, here, there):
    """Whatever the names are."""
    held = [f"{resource}.{verb}:{here}"]

    assert allows(held, f"{resource}.{verb}:{here}")
    assert allows(held, f"{resource}.{verb}:{there}") is (here == there)


def test_what_is_scoped_already_stays():
    """A template may name the namespace itself."""
    assert scoped("pods.get", "shop") == "pods.get:shop"
    assert scoped("pods.get:*", "shop") == "pods.get:*"


def test_roles_are_what_the_design_says():
    """An approver decides and reads; an operator changes and may not approve for others."""
    held = {name: [scoped(one, "*") for one in granted] for name, granted in SHIPPED_ROLES.items()}

    assert allows(held["approver"], "approvals.decide:shop")
    assert not allows(held["approver"], "deployments.scale:shop")
    assert allows(held["operator"], "deployments.scale:shop")
    assert not allows(held["operator"], permissions.DECIDE)
    assert not allows(held["viewer"], "deployments.scale:shop")
    assert all(allows(held["admin"], one) for one in ("approvals.decide:shop", "anything.else:x"))


def test_bindings_give_permissions_in_their_workspace_and_namespaces_alone():
    """An unknown role gives nothing."""
    bindings = [
        RoleBinding("alice", "one", "operator", ("shop",)),
        RoleBinding("alice", "two", "admin"),
        RoleBinding("alice", "*", "viewer", ("staging",)),
        RoleBinding("alice", "one", "king"),
    ]

    held = effective(bindings, workspace_id="one", roles=SHIPPED_ROLES)

    assert allows(held, "deployments.scale:shop")
    assert not allows(held, "deployments.scale:staging")
    assert allows(held, "pods.logs:staging")
    assert not allows(held, "approvals.decide:shop")
    assert list(held) == sorted(held)
