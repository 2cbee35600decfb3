"""The OpenAPI document of the internal API, made from the catalogue so that it cannot tell anything else."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from controlplane.contract import catalogue, models

_TEMPLATE = "#/components/schemas/{model}"
_ANSWERS: tuple[type[models.Wire], ...] = (models.Preview, models.Outcome, models.RolloutStatus, models.Token)
_STATUS_ANSWERS = ("get_deployment_status", "watch_deployment")


def document() -> dict[str, Any]:
    mutating = [one.parameters for one in catalogue.CATALOGUE.values() if one.mutating]
    wanted = [(model, "validation" if model in mutating else "serialization") for model in (*mutating, *_ANSWERS)]
    _, definitions = models_json_schema(wanted, ref_template=_TEMPLATE)  # type: ignore[arg-type]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hexa internal operations", "version": catalogue.API_VERSION},
        "paths": {one.path: {one.method.lower(): _operation(one)} for one in catalogue.CATALOGUE.values()},
        "components": {
            "schemas": {**definitions["$defs"], "Problem": _PROBLEM},
            "securitySchemes": {"user": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "responses": {"Problem": _response("What went wrong", "Problem", "application/problem+json")},
        },
        "security": [{"user": []}],
    }


def _operation(one: catalogue.Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "x-permission": one.permission,
        "parameters": [*_HEADERS, *(_KEY if one.mutating else _query(one))],
        "responses": {"200": _success(one), "default": {"$ref": "#/components/responses/Problem"}},
    }
    if one.mutating:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(one)}}}
    return told


def _query(one: catalogue.Operation) -> list[dict[str, Any]]:
    schema = one.parameters.model_json_schema()
    return [
        {
            "name": name,
            "in": "path" if name in one.path_parameters else "query",
            "required": name in schema.get("required", ()) or name in one.path_parameters,
            "schema": field,
        }
        for name, field in schema["properties"].items()
    ]


def _body(one: catalogue.Operation) -> dict[str, Any]:
    """The parameters and ``dry_run``; a schema that refuses unknown fields cannot be extended by reference."""
    schema = one.parameters.model_json_schema(ref_template=_TEMPLATE)
    dry_run = {"type": "boolean", "default": False, "description": "Answer with a Preview and change nothing."}
    return {**schema, "properties": {**schema["properties"], "dry_run": dry_run}}


def _success(one: catalogue.Operation) -> dict[str, Any]:
    if one.mutating:
        refs = [{"$ref": _TEMPLATE.format(model=name)} for name in ("Outcome", "Preview")]
        content: Mapping[str, Any] = {"application/json": {"schema": {"anyOf": refs}}}
        return {"description": "Done, or for a dry run what would be", "content": content}
    if one.name in _STATUS_ANSWERS:
        return _response("The status", "RolloutStatus", "application/json")
    return {"description": "What was found", "content": {"application/json": {"schema": {"type": "object"}}}}


def _response(description: str, model: str, media_type: str) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": {"$ref": _TEMPLATE.format(model=model)}}}}


def _header(name: str, schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": dict(schema)}


_HEADERS = [
    _header("X-Internal-API", {"const": "true"}),
    _header("X-API-Version", {"const": catalogue.API_VERSION}),
    _header("X-Request-ID", {"type": "string"}, required=False),
]
_KEY = [_header("Idempotency-Key", {"type": "string", "description": "<run>:<step>; not needed for a dry run"})]
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code")},
        "status": {"type": "integer"},
        "happened": {
            "type": ["boolean", "null"],
            "description": "Of a mutation: false when it surely did not happen, null when it may have.",
        },
    },
}
