"""What GitHub says of a request that its description does not allow.

docs.github.com, "Troubleshooting the REST API": invalid JSON and a body that is no object are a 400; a parameter that
lacks or has the wrong type is a 422 "Invalid request". The words after it: piotrmurach/github_cli#28 (what lacks),
terraform-provider-github#1909 and apache/lucenenet#1321 (no possible input), QasimWani/LeetHub#493 (the type),
github/maven-plugins#137 (no body). "Invalid property /enforcement: `enabled` is not a possible value. Must be one of
the following: disabled, active, evaluate." is quoted by several scripts that create rulesets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox import descriptions
from sandbox.behaviour import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.descriptions import Operation

ARTICLES = {"integer": "an", "array": "an", "object": "an"}


def parsed(body: bytes) -> Any:
    """Return *body* as what it says, None if it is empty; raise Refusal if it is no JSON."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None


def require_valid(operation: Operation, query: Mapping[str, str], body: Any) -> None:
    """Raise Refusal if GitHub's description does not allow *query* or *body*."""
    described = descriptions.rest()
    for name, schema in described.query_parameters(operation).items():
        if name in query:
            _require_parameter(name, schema, query[name])
    schema = described.body_schema(operation)
    if schema is None:
        return
    if body is None:
        if described.resolve(operation.spec["requestBody"]).get("required") and schema.get("required"):
            raise _invalid("For 'links/0/schema', nil is not an object.")
        return
    if schema.get("type") == "object" and not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    errors = list(described.validator(schema).iter_errors(body))
    if errors:
        raise _invalid(_words(schema, body, errors))


def _require_parameter(name: str, schema: Any, value: str) -> None:
    """Raise Refusal if *value* is none that the parameter *name* can have.

    A guess: that GitHub refuses these, and in the words that it has for the parameters of a body.
    """
    if schema.get("enum") and value not in schema["enum"]:
        raise _invalid(f"Invalid property /{name}: {_possible(value, schema['enum'])}")
    if schema.get("type") == "integer" and not value.isdecimal():
        raise _invalid(f"For 'properties/{name}', \"{value}\" is not an integer.")


def _words(schema: Any, body: Any, errors: Sequence[Any]) -> str:
    lacking = [name for name in schema.get("required", ()) if isinstance(body, dict) and name not in body]
    if lacking:
        names = ", ".join(f'"{name}"' for name in lacking)
        return f"{names} {'weren' if len(lacking) > 1 else 'wasn'}'t supplied."
    error = errors[0]
    path = "/".join(map(str, error.absolute_path))
    if error.validator == "enum":
        return f"Invalid property /{path}: {_possible(error.instance, error.validator_value)}"
    if error.validator == "type":
        kind = str(error.validator_value)
        value = json.dumps(error.instance) if error.instance is not None else "nil"
        return f"For 'properties/{path}', {value} is not {ARTICLES.get(kind, 'a')} {kind}."
    return f"Invalid property /{path}: data matches no possible input. See `documentation_url`."


def _possible(value: object, values: Sequence[object]) -> str:
    return f"`{value}` is not a possible value. Must be one of the following: {', '.join(map(str, values))}."


def _invalid(words: str) -> Refusal:
    return Refusal(422, f"Invalid request.\n\n{words}")
