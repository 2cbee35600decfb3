"""Workflow templates: the YAML schema, loading, and every check that can be made before a run.

A file holds ``workflows: {<id>: {...}}`` as the specification writes it. Problems are collected over all files and
told together with file and place; a template with a problem is never half-loaded.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflows import errors, expressions

SHIPPED = Path(__file__).parent / "templates"
SCOPE = ("namespace", "cluster")


class StepTemplate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    agent: str
    action: str
    parameters: dict[str, Any] = {}
    required_permissions: tuple[str, ...] = ()
    timeout: float = Field(default=30, gt=0, le=3600)
    retry_count: int = Field(default=2, ge=0, le=10)
    depends_on: tuple[str, ...] = ()


class Template(BaseModel):
    """*title* and *verb* are expressions over the parameters: the card's first line and its approve button."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    title: str = ""
    verb: str = "Approve"
    parameters: dict[str, Any] = {"type": "object"}
    steps: tuple[StepTemplate, ...] = Field(min_length=1)

    def problems_with(self, parameters: Mapping[str, Any]) -> list[str]:
        """What is wrong with these parameters, in plain words; empty when they fit."""
        validator = jsonschema.Draft202012Validator(self.parameters)
        return [_explain(error) for error in sorted(validator.iter_errors(dict(parameters)), key=str)]


def load(folders: Iterable[Path], *, actions: Mapping[str, Iterable[str]]) -> dict[str, Template]:
    """All templates of these folders by id. *actions* are the known agents and what each can do.

    Raises TemplateError with every problem found.
    """
    found: dict[str, Template] = {}
    problems: list[str] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        try:
            document = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as problem:
            problems.append(f"{path.name}: {problem}")
            continue
        for name, body in _bodies(document):
            template, wrong = _parse(f"{path.name}: {name}", body, actions)
            problems += wrong
            if template:
                found[name] = template
        if not list(_bodies(document)):
            problems.append(f"{path.name}: has no workflows; write `workflows:` and one entry per workflow")
    if problems:
        raise errors.TemplateError(problems)
    return found


def _bodies(document: Any) -> list[tuple[str, Any]]:
    workflows = document.get("workflows") if isinstance(document, dict) else None
    return list(workflows.items()) if isinstance(workflows, dict) else []


def _parse(place: str, body: Any, actions: Mapping[str, Iterable[str]]) -> tuple[Template | None, list[str]]:
    try:
        template = Template.model_validate(body)
        jsonschema.Draft202012Validator.check_schema(template.parameters)
    except ValidationError as problem:
        return None, [f"{place}.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in problem.errors()]
    except jsonschema.SchemaError as problem:
        return None, [f"{place}.parameters: {problem.message}"]
    wrong = [f"{place}: {one}" for one in (*_graph(template), *_agents(template, actions), *_values(template))]
    return (None if wrong else template), wrong


def _graph(template: Template) -> Iterable[str]:
    ids = [step.id for step in template.steps]
    for duplicate in sorted({one for one in ids if ids.count(one) > 1}):
        yield f"step {duplicate} is there twice; give each step its own id"
    for step in template.steps:
        for missing in sorted(set(step.depends_on) - set(ids)):
            yield f"step {step.id} depends on {missing}, which is not a step of this workflow"
    waiting = {step.id: set(step.depends_on) & set(ids) for step in template.steps}
    while free := [one for one, needs in waiting.items() if not needs]:
        for one in free:
            del waiting[one]
        for needs in waiting.values():
            needs.difference_update(free)
    if waiting:
        yield f"steps {', '.join(sorted(waiting))} depend on one another in a circle"


def _agents(template: Template, actions: Mapping[str, Iterable[str]]) -> Iterable[str]:
    for step in template.steps:
        if step.agent not in actions:
            yield f"step {step.id}: there is no agent {step.agent}; known are {', '.join(sorted(actions))}"
        elif step.action not in actions[step.agent]:
            known = ", ".join(sorted(actions[step.agent]))
            yield f"step {step.id}: {step.agent} has no action {step.action}; it has {known}"


def _values(template: Template) -> Iterable[str]:
    known = {*template.parameters.get("properties", {}), *SCOPE}
    for step in template.steps:
        try:
            names = expressions.names_in(step.parameters)
            inputs = expressions.inputs_in(step.parameters)
        except errors.ExpressionError as problem:
            yield f"step {step.id}: {problem}"
            continue
        for name in sorted(names - known - {f"input_from_{one}" for one in inputs}):
            yield f"step {step.id} uses {name}, which is neither a parameter nor a result of a step"
        for name in sorted(inputs - set(step.depends_on)):
            yield f"step {step.id} uses the result of {name} without depending on it; add it to depends_on"


def _explain(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else error.message
