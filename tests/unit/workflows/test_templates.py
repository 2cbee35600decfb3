"""Templates: what loads, and what is refused with file, place and fix."""

import textwrap

import pytest

from workflows import errors, expressions, template

ACTIONS = {
    "ValidationAgent": ["validate_scaling"],
    "KubernetesAgent": ["scale_deployment", "get_pods"],
    "MonitoringAgent": ["monitor_deployment_scaling"],
}


def load(tmp_path, text):
    (tmp_path / "one.yaml").write_text(textwrap.dedent(text))
    return template.load([tmp_path], actions=ACTIONS)


def test_the_shipped_templates_load():
    """scale_application has the three steps of the specification."""
    shipped = template.load([template.SHIPPED], actions=ACTIONS)

    steps = shipped["scale_application"].steps
    assert [(step.id, step.agent, step.action) for step in steps] == [
        ("validate_scaling", "ValidationAgent", "validate_scaling"),
        ("perform_scaling", "KubernetesAgent", "scale_deployment"),
        ("monitor_scaling", "MonitoringAgent", "monitor_deployment_scaling"),
    ]
    assert [step.timeout for step in steps] == [10, 30, 320]
    assert steps[1].required_permissions == ("deployments.scale",)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("[{id: a, name: A, agent: Nobody, action: get_pods}]", "there is no agent Nobody"),
        ("[{id: a, name: A, agent: KubernetesAgent, action: fly}]", "has no action fly"),
        (
            "[{id: a, name: A, agent: KubernetesAgent, action: get_pods, depends_on: [b]},"
            " {id: b, name: B, agent: KubernetesAgent, action: get_pods, depends_on: [a]}]",
            "in a circle",
        ),
        ("[{id: a, name: A, agent: KubernetesAgent, action: get_pods, depends_on: [zz]}]", "not a step"),
        (
            "[{id: a, name: A, agent: KubernetesAgent, action: get_pods},"
            " {id: a, name: B, agent: KubernetesAgent, action: get_pods}]",
            "is there twice",
        ),
        ("[{id: a, name: A, agent: KubernetesAgent, action: get_pods, parameters: {x: '{{ nope }}'}}]", "uses nope"),
        (
            "[{id: a, name: A, agent: KubernetesAgent, action: get_pods},"
            " {id: b, name: B, agent: KubernetesAgent, action: get_pods, parameters: {x: '{{ input_from_a }}'}}]",
            "without depending on it",
        ),
        ("[{id: a, name: A, agent: KubernetesAgent, action: get_pods, parameters: {x: '{{ 1 + }}'}}]", "step a"),
        ("[{id: a, name: A, agent: KubernetesAgent, action: get_pods, retries: 3}]", "Extra inputs"),
        ("[]", "at least 1 item"),
    ],
)
def test_a_broken_template_is_refused_with_its_place(tmp_path, steps, says):
    """Nothing is half-loaded; the problem names the file and the workflow."""
    with pytest.raises(errors.TemplateError) as refused:
        load(tmp_path, f"workflows: {{broken: {{name: Broken, steps: {steps}}}}}")

    assert says in str(refused.value)
    assert "one.yaml: broken" in str(refused.value)


def test_all_problems_are_told_together(tmp_path):
    """Two broken workflows give two problems at once."""
    with pytest.raises(errors.TemplateError) as refused:
        load(
            tmp_path,
            """
            workflows:
              one: {name: One, steps: [{id: a, name: A, agent: Nobody, action: x}]}
              two: {name: Two, steps: [{id: a, name: A, agent: KubernetesAgent, action: fly}]}
            """,
        )

    assert len(refused.value.problems) == 2


def test_parameters_are_checked_against_their_schema():
    """Missing, wrong and unknown parameters are all named."""
    scale = template.load([template.SHIPPED], actions=ACTIONS)["scale_application"]

    assert scale.problems_with({"deployment_name": "web", "replicas": 5}) == []
    assert "'replicas' is a required property" in scale.problems_with({"deployment_name": "web"})[0]
    assert "replicas: -1 is less than the minimum" in scale.problems_with({"deployment_name": "web", "replicas": -1})[0]
    assert "unexpected" in scale.problems_with({"deployment_name": "web", "replicas": 1, "force": True})[0]


class TestExpressions:
    """``{{ }}`` values."""

    def test_a_single_expression_keeps_its_type(self):
        """A number stays a number and a name made of digits stays text."""
        assert expressions.render("{{ replicas }}", {"replicas": 5}) == 5
        assert expressions.render("{{ name }}", {"name": "123"}) == "123"
        assert expressions.render("app={{ name }}", {"name": "123"}) == "app=123"

    def test_values_are_never_evaluated_again(self):
        """A parameter that looks like an expression is only text."""
        assert expressions.render("{{ name }}", {"name": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"
        assert expressions.render("x {{ name }}", {"name": "{{ 7 * 7 }}"}) == "x {{ 7 * 7 }}"

    def test_what_depends_on_results_waits(self):
        """Parameters that read the result of a step are left for the run."""
        rendered = expressions.render_known({"a": "{{ x }}", "b": "{{ input_from_s.y }}"}, {"x": 1})

        assert rendered == {"a": 1, "b": "{{ input_from_s.y }}"}
        assert expressions.render(rendered["b"], expressions.step_inputs({"s": {"y": 2}})) == 2

    @pytest.mark.parametrize(
        "attack",
        [
            "{{ x.__class__.__mro__ }}",
            "{{ ''.__class__.__base__.__subclasses__() }}",
            "{{ x.append(1) }}",
            "{{ nope }}",
        ],
    )
    def test_the_sandbox_holds(self, attack):
        """Neither internals of Python nor mutation nor unknown names."""
        with pytest.raises(errors.ExpressionError):
            expressions.render(attack, {"x": [1]})
