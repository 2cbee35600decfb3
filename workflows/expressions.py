"""``{{ }}`` values of templates, in a sandbox.

A value that is one expression and nothing else keeps the type of its result, so ``"{{ replicas }}"`` stays a
number and a deployment named ``123`` stays text. Anything else is rendered to text. Names that are not known are
an error; ``input_from_<step>`` names are known only while a run goes on.
"""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workflows import errors

_SINGLE = re.compile(r"^\{\{((?:(?!\}\}|\{\{).)*)\}\}$", re.DOTALL)
_INPUT = "input_from_"
_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
# parameters of typed calls, never HTML


def names_in(value: Any) -> set[str]:
    """The variables a value mentions, through lists and mappings."""
    if isinstance(value, str):
        try:
            return set(meta.find_undeclared_variables(_environment.parse(value)))
        except TemplateError as problem:
            raise errors.ExpressionError(f"{value!r}: {problem}") from problem
    if isinstance(value, Mapping):
        return set().union(*(names_in(one) for one in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(names_in(one) for one in value))
    return set()


def inputs_in(value: Any) -> set[str]:
    """The steps whose results a value reads."""
    return {name.removeprefix(_INPUT) for name in names_in(value) if name.startswith(_INPUT)}


def render(value: Any, variables: Mapping[str, Any]) -> Any:
    """The value with its expressions computed; raises ExpressionError."""
    if isinstance(value, str):
        return _render_text(value, variables)
    if isinstance(value, Mapping):
        return {key: render(one, variables) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [render(one, variables) for one in value]
    return value


def render_known(parameters: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters rendered as far as they do not depend on the results of steps."""
    return {name: value if inputs_in(value) else render(value, variables) for name, value in parameters.items()}


def step_inputs(results: Mapping[str, Any]) -> dict[str, Any]:
    """The variables under which the results of finished steps are known."""
    return {f"{_INPUT}{step}": data for step, data in results.items()}


def _render_text(value: str, variables: Mapping[str, Any]) -> Any:
    if "{{" not in value and "{%" not in value:
        return value
    single = _SINGLE.match(value.strip())
    try:
        if single:
            return _environment.compile_expression(single[1].strip(), undefined_to_none=False)(
                **_checked(value, variables)
            )
        return _environment.from_string(value).render(**_checked(value, variables))
    except TemplateError as problem:
        raise errors.ExpressionError(f"{value!r}: {problem}") from problem


def _checked(value: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(names_in(value) - set(variables))
    if unknown:
        raise errors.ExpressionError(f"{value!r} uses {', '.join(unknown)}, which is not a parameter of this workflow")
    return variables
