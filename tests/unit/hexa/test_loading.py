from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hexa import loading
from hexa.loading import InvalidConfigurationError, MissingConfigurationError, load, parse
from hexa.settings import load as settings_from

MINIMAL = "clusters:\n  - name: demo\n    in_cluster: true\n"


def parsed(text, **options):
    return parse(text.encode(), path=Path("hexa.yaml"), data_dir=Path("/data"), **options)


def problems(text):
    with pytest.raises(InvalidConfigurationError) as caught:
        parsed(text)
    return {(one.line, one.key, one.cause, one.fix) for one in caught.value.problems}


def test_the_demo_brings_its_people_its_cluster_and_the_shipped_policies():
    """The names other tools rely on."""
    found = load(settings_from({"HEXA_DATA_DIR": "/data"}), demo=True)

    assert found.default_workspace == "demo"
    assert {(one.id, one.email) for one in found.people()} == {
        (name, f"{name}@example.com") for name in ("alice", "bob", "carol", "dave")
    }
    assert {one.person_id: one.role for one in found.bindings()} == {
        "alice": "operator", "bob": "approver", "carol": "viewer", "dave": "admin",
    }  # fmt: skip
    assert found.kubeconfig_of(found.clusters[0]) == Path("/data/demo.kubeconfig")
    policies = found.policy_set()
    environment = {name: policies.environment("demo", name) for name in ("shop", "staging", "new")}
    assert environment == {"shop": "prod", "staging": "staging", "new": "prod"}
    assert not policies.ruling("scale_deployment", environment["shop"], "shop", "demo").approval.self_approval
    assert policies.ruling("scale_deployment", "staging", "staging", "demo").approval.self_approval


def test_a_small_file_is_enough():
    """One cluster; the rest has defaults."""
    found = parsed(MINIMAL)

    assert found.default_workspace == "default"
    assert found.clusters_of("default") == ("demo",)
    assert found.clusters_of("other") == ()
    assert found.kubeconfig_of(found.clusters[0]) is None


def test_without_a_file_only_the_demo_starts(tmp_path, monkeypatch):
    """Nobody runs on defaults by accident."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(MissingConfigurationError, match="hexa demo"):
        load(settings_from({}))
    with pytest.raises(MissingConfigurationError):
        load(settings_from({"HEXA_CONFIG": "elsewhere.yaml"}), demo=True)
    (tmp_path / "hexa.yaml").write_text(MINIMAL)
    assert load(settings_from({})).clusters[0].name == "demo"


def test_paths_of_kubeconfigs_are_relative_to_the_file(tmp_path):
    """Not to wherever the process was started."""
    text = b"clusters: [{name: a, kubeconfig: kube/a}, {name: b, kubeconfig: /abs/b}, {name: c}]"

    found = parse(text, path=tmp_path / "hexa.yaml", data_dir=tmp_path, kubeconfig=Path("/given"))

    assert [found.kubeconfig_of(one) for one in found.clusters] == [tmp_path / "kube/a", Path("/abs/b"), Path("/given")]


BROKEN = """\
workspace: []
workspaces:
  - id: one
    clusters: [demoo]
  - id: two
    colour: red
clusters:
  - name: demo
    environments: {shop: prod, shop: dev}
    in_cluster: "yes"
users:
  - id: alice
    email: A@example.com
    roles: [{role: operater, workspace: one}, {role: viewer}]
  - id: Bob
    email: a@example.com
    roles: viewer
  - id: carol
    email: carol
    roles: [{role: viewer, workspace: three}]
roles:
  admin: [pods.get]
  odd: [pods]
policies:
  rules:
    - name: a
      match: {operations: [scale_deploymnt], environments: [], clusters: [nope]}
      approval: {votes: 3, expires_after: 30, self_approval: 1}
    - name: A
llm: {providers: []}
slack:
  channels: {C0123456789: nowhere, general: one}
"""


def test_everything_that_is_wrong_is_reported_at_once_with_line_key_cause_and_fix():
    """One round of corrections instead of twenty."""
    found = {(line, key): (cause, fix) for line, key, cause, fix in problems(BROKEN)}

    assert set(found) == {
        (1, "workspace"), (4, "workspaces[0].clusters[0]"), (6, "workspaces[1].colour"), (8, "clusters[0]"),
        (9, "clusters[0].environments.shop"), (10, "clusters[0].in_cluster"), (14, "users[0].roles[0].role"),
        (14, "users[0].roles[1]"), (15, "users[1].id"), (16, "users[1].email"), (17, "users[1].roles"),
        (19, "users[2].email"), (20, "users[2].roles[0].workspace"), (22, "roles.admin"), (23, "roles.odd[0]"),
        (27, "policies.rules[0].match.operations[0]"), (27, "policies.rules[0].match.environments"),
        (27, "policies.rules[0].match.clusters[0]"), (28, "policies.rules[0].approval.votes"),
        (28, "policies.rules[0].approval.expires_after"), (28, "policies.rules[0].approval.self_approval"),
        (29, "policies.rules[1].name"), (30, "llm"), (32, "slack.channels.C0123456789"), (32, "slack.channels.general"),
    }  # fmt: skip
    assert found[1, "workspace"] == ("is not a known key", "did you mean “workspaces”?")
    assert found[14, "users[0].roles[0].role"] == ("there is no role “operater”", "did you mean “operator”?")
    assert "first on line 13" in found[16, "users[1].email"][0]
    assert found[17, "users[1].roles"][0] == "must be a list, not viewer"
    assert "30m" in found[28, "policies.rules[0].approval.expires_after"][1]
    assert all(cause and fix for cause, fix in found.values())


def test_the_message_names_the_file_and_counts():
    """What a person sees at start."""
    with pytest.raises(InvalidConfigurationError) as caught:
        parsed("clusters: []\n")

    assert str(caught.value) == (
        "The configuration has 1 problem:\n"
        "  hexa.yaml:1: clusters: is empty. Fix: name at least one, or leave the key out where it is optional."
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "is missing"),
        ("- a\n", "must be a mapping"),
        ("nonsense", "must be a mapping"),
        ("clusters: [", "is not valid YAML"),
        ("clusters:\n\t- name: x", "is not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']", "is not valid YAML"),
        ("a: &a [*a]", "is not valid YAML"),
        ("a: &a [" + "x," * 300 + "]\nb: &b [" + "*a," * 300 + "]\nc: [" + "*b," * 300 + "]", "too many values"),
        ("a: 2026-99-99", "is not valid YAML"),
        ("clusters: [{name: demo, in_cluster: true}]\n---\nclusters: []", "is not valid YAML"),
        ("clusters: [{name: demo}]", "says neither kubeconfig nor in_cluster"),
        ("clusters: [{name: demo, kubeconfig: x, in_cluster: true}]", "has both kubeconfig and in_cluster"),
        ("clusters: 5", "must be a list, not 5"),
        ("? [a, b]\n: 1\n", "is not a known key"),
        ("clusters: [null, 5]", "must be a mapping"),
        ("x" * 1_000_001, "is larger than"),
    ],
)
def test_a_file_of_any_shape_gets_a_cause(text, cause):
    """Neither a trace nor a hang."""
    assert any(cause in one[2] for one in problems(text)), problems(text)


def test_what_is_not_utf8_names_its_line():
    """An editor with another encoding."""
    with pytest.raises(InvalidConfigurationError, match=r"hexa\.yaml:2: is not UTF-8"):
        parse(b"# one\n# \xff\n", path=Path("hexa.yaml"), data_dir=Path())


def test_a_directory_instead_of_a_file_is_told(tmp_path):
    """HEXA_CONFIG points to the wrong place."""
    with pytest.raises(InvalidConfigurationError, match="cannot be read"):
        load(settings_from({"HEXA_CONFIG": str(tmp_path)}))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["demo", "admin", "30m", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "email", "roles", "role", "rules", "match", "approval", "clusters", "workspace"]
            )
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*loading.File.model_fields]), PLAIN, max_size=5))
def test_no_data_whatsoever_escapes_as_another_error(data):
    """Checks that span sections meet values of any type."""
    with suppress(InvalidConfigurationError):
        parsed(yaml.safe_dump(data))
