import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from server.features.integrations.interface.routes import PREFIX, Nothing, Route
from server.web import problems

_ALWAYS = (400, 401, 403, 429, 500, 503)
_WITH_BODY = (413, 415, 422, 507)
_REF = "#/components/schemas/{name}"
_PATHS = {"badge": "the badge number, such as 0Z8X7", "number": "the number of the entry"}
_VARIES = re.compile(r"<(\w+)>")


def description(routes: Iterable[Route]) -> bytes:
    declared = list(routes)
    structs = {
        struct
        for route in declared
        for struct in (route.query, route.body, route.answer)
        if struct is not None and struct is not Nothing
    }
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    schemas, components = msgspec.json.schema_components(
        [*ordered, problems.Problem], ref_template=_REF
    )
    refs = dict(zip([*ordered, problems.Problem], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in declared:
        address = PREFIX + _VARIES.sub(r"{\1}", route.path)
        paths.setdefault(address, {})[route.method.lower()] = _operation(route, refs, components)
    # Queries are parameters, so their structs are no schemas.
    for route in declared:
        components.pop(route.query.__name__, None)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Hallkeeper",
            "version": "1",
            "description": "Halls, entries, people and programme of an event, for integrations.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token created by an admin. Its scopes are its permissions.",
                }
            },
        },
    }
    return msgspec.json.encode(document, order="deterministic")


def _operation(
    route: Route, refs: Mapping[type, dict[str, Any]], components: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    statuses = {*_ALWAYS, *route.problems, *(_WITH_BODY if route.body is not None else ())}
    if route.scope.endswith(":people"):
        statuses.add(507)  # The log entry needs disk space
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs the scope `{route.scope}`.",
        "security": [{"token": []}],
        "responses": {
            str(route.status): {
                "description": HTTPStatus(route.status).phrase,
                "content": {"application/json": {"schema": refs[route.answer]}},
            },
            **{str(status): _problem(status, refs) for status in sorted(statuses)},
        },
    }
    parameters = [_in_path(name) for name in _VARIES.findall(route.path)]
    if route.query is not Nothing:
        parameters += _in_query(components[route.query.__name__])
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        content = {"application/json": {"schema": refs[route.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _problem(status: int, refs: Mapping[type, dict[str, Any]]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": problems.WORDS[status],
        "content": {problems.MEDIA_TYPE: {"schema": refs[problems.Problem]}},
    }
    if status == 429:
        response["headers"] = {
            "Retry-After": {"schema": {"type": "string"}, "description": "seconds"}
        }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def _in_path(name: str) -> dict[str, Any]:
    words = _PATHS[name]
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": words}


def _in_query(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    needed = set(schema.get("required", ()))
    parameters = []
    for name, described in schema["properties"].items():
        shape = {key: value for key, value in described.items() if key != "description"}
        if "anyOf" in shape:
            # A client can't send null for a parameter.
            (shape,) = [kind for kind in shape["anyOf"] if kind.get("type") != "null"]
        shape.pop("default", None)
        parameter = {"name": name, "in": "query", "required": name in needed, "schema": shape}
        if "description" in described:
            parameter["description"] = described["description"]
        parameters.append(parameter)
    return parameters
