"""What a digest is made of, so that the planner that asks and the control plane that checks cannot differ.

Parameters are parsed by the model of the catalogue and dumped without ``workspace_id`` and ``cluster``, which a
digest covers by themselves: defaults are filled in and ``"6"`` never stands for ``6``. A preview carries its
parameters in this form and its cluster by its resolved name.
"""

from collections.abc import Mapping
from typing import Any

import pydantic

from controlplane.contract import catalogue, errors, models
from security import digests

_APART = {"workspace_id", "cluster"}


def parse(operation: str, parameters: Mapping[str, Any]) -> models.NamespacedParameters:
    """The parameters as their model; raises InvalidRequestError with every problem in ``details["problems"]``."""
    model = catalogue.find(operation).parameters
    try:
        return model.model_validate(dict(parameters))
    except pydantic.ValidationError as error:
        raise invalid(error) from error


def invalid(error: pydantic.ValidationError) -> errors.InvalidRequestError:
    """All problems of a refused model in one sentence and as data; the refused values are left out."""
    problems = [
        {"field": ".".join(str(part) for part in one["loc"]) or "body", "message": _plain(one)}
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    sentence = "; ".join(f"{problem['field']}: {problem['message']}" for problem in problems)
    return errors.InvalidRequestError(f"The request is not valid. {sentence}.", details={"problems": problems})


def dump(parameters: models.NamespacedParameters) -> dict[str, Any]:
    return parameters.model_dump(mode="json", exclude=_APART)


def canonical_parameters(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an operation as a digest covers them."""
    return dump(parse(operation, parameters))


def operation_digest_of(
    preview: models.Preview, *, workspace_id: str, requester: str, policy_version: str, own_changes: int = 0
) -> str:
    """The digest an approval of this preview holds.

    *own_changes* is how many earlier effects of the same run have moved the generation of the target: the
    planner passes none, the control plane subtracts those it has recorded. A compensation is digested with the
    generation seen at planning and with ``before`` as the step it undoes will have left it.
    """
    target = preview.target.identity()
    target["generation"] -= own_changes
    return digests.operation_digest(
        workspace_id=workspace_id,
        cluster=preview.cluster,
        operation=preview.operation,
        parameters=preview.parameters,
        target=target,
        changes=[change.model_dump(mode="json") for change in preview.changes],
        requester=requester,
        policy_version=policy_version,
    )


def _plain(problem: Any) -> str:
    words = {
        "missing": "is required",
        "extra_forbidden": "is not known",
        "string_pattern_mismatch": "has characters that are not allowed here",
    }
    return words.get(problem["type"]) or str(problem["msg"])
