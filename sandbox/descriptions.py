"""GitHub's own descriptions of its API, from the npm packages @octokit/openapi and @octokit/graphql-schema.

They check every exchange, and they complete our answers: what the sandbox knows of an object it says, and the fields
that GitHub requires beside those get the plainest value that the description allows.
"""

from __future__ import annotations

import gc
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from graphql import GraphQLSchema, build_schema
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

PACKAGES = Path(__file__).parent.parent / "node_modules" / "@octokit"
Loaded = TypeVar("Loaded")
MISSING: Any = object()
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the REST API: its verb, the template of its path, and what the description says of it."""

    verb: str
    template: str
    spec: Any
    pattern: re.Pattern[str]

    def __str__(self) -> str:
        return f"{self.verb} {self.template}"


class Rest:
    """GitHub's OpenAPI description."""

    def __init__(self) -> None:
        text = (PACKAGES / "openapi" / "generated" / "api.github.com.json").read_text(encoding="utf-8")
        self.spec = json.loads(text)
        self.validator = extend(_Validator, {"$ref": self._follow})
        self.operations = sorted(
            (
                Operation(verb.upper(), template, spec, _pattern(template))
                for template, verbs in self.spec["paths"].items()
                for verb, spec in verbs.items()
                if verb in ("get", "post", "put", "patch", "delete")
            ),
            # the one that says most comes first: a ref may hold slashes
            key=lambda operation: (operation.template.count("{"), -len(operation.template)),
        )

    def operation(self, verb: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """Return the operation at *path* and what fills the braces of its template, None if GitHub has none."""
        for operation in self.operations:
            match = operation.pattern.fullmatch(path) if operation.verb == verb else None
            if match:
                return operation, match.groupdict()
        return None

    def query_parameters(self, operation: Operation) -> dict[str, Any]:
        """Return the parameters that *operation* takes in its query, each with its schema."""
        parameters = (self.resolve(parameter) for parameter in operation.spec.get("parameters", []))
        return {each["name"]: self.resolve(each["schema"]) for each in parameters if each["in"] == "query"}

    def body_schema(self, operation: Operation) -> Any:
        """Return the schema of the body of a request, None if it takes none."""
        content = self.resolve(operation.spec.get("requestBody", {})).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if operation.template.endswith("/issues/{issue_number}/labels") and schema:
            # "You can also pass an `array` of labels directly" is in the words alone; PyGithub does.
            return {"anyOf": [schema, {"type": "array", "items": {"type": "string"}}]}
        return None if schema is None else self.resolve(schema)

    def request_problems(self, operation: Operation, query: dict[str, str], body: object) -> list[str]:
        """Return what GitHub's description has against a request."""
        known = self.query_parameters(operation)
        problems = [f"{operation}: no query parameter {name}" for name in query if name not in known]
        schema = self.body_schema(operation)
        if schema is None:
            return problems + ([f"{operation}: takes no body"] if body is not None else [])
        if body is not None:
            problems += self._problems(f"{operation} request", schema, body)
            problems += [f"{operation}: no body parameter {name}" for name in self._unknown_keys(schema, body)]
        return problems

    def response_problems(self, operation: Operation, status: int, body: object) -> list[str]:
        """Return what GitHub's description has against a response."""
        responses = operation.spec["responses"]
        if str(status) not in responses:
            # Every operation can answer these; the description lists them for some only.
            return [] if status in (401, 403, 404, 422, 429, 500, 502, 503) else [f"{operation}: no response {status}"]
        schema = self.response_schema(operation, status)
        if schema is None:
            return [] if body is None else [f"{operation}: response {status} has no body"]
        return self._problems(f"{operation} response {status}", schema, body)

    def response_schema(self, operation: Operation, status: int) -> Any:
        """Return the schema of the body of a response, None if it has none."""
        response = self.resolve(operation.spec["responses"].get(str(status), {}))
        return response.get("content", {}).get("application/json", {}).get("schema")

    def resolve(self, schema: Any) -> Any:
        """Return *schema*, or what it refers to."""
        while "$ref" in schema:
            target = self.spec
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema

    def complete(self, schema: Any, known: Any = MISSING) -> Any:
        """Return *known* with every field that *schema* requires and *known* lacks in the plainest form allowed."""
        schema = self.resolve(schema)
        if known is None or (known is MISSING and schema.get("nullable")):
            return None
        for part in schema.get("allOf", []):
            known = self.complete(part, known)
        alternatives = schema.get("oneOf") or schema.get("anyOf") or []
        if alternatives:
            fitting = [a for a in alternatives if known is MISSING or _is_of(self.resolve(a), known)]
            known = self.complete(fitting[0], known) if fitting else known
        if isinstance(known, dict) or (known is MISSING and "properties" in schema):
            return self._complete_object(schema, {} if known is MISSING else known)
        if isinstance(known, list):
            return [self.complete(schema.get("items", {}), item) for item in known]
        return _plainest(schema) if known is MISSING else known

    def _complete_object(self, schema: Any, known: dict[str, Any]) -> dict[str, Any]:
        properties = schema.get("properties", {})
        given = {key: self.complete(properties.get(key, {}), value) for key, value in known.items()}
        lacking = [key for key in schema.get("required", []) if key not in known]
        return {**given, **{key: self.complete(properties.get(key, {})) for key in lacking}}

    def _problems(self, what: str, schema: Any, body: object) -> list[str]:
        worst = best_match(self.validator(schema).iter_errors(body))
        return [f"{what}: {worst.json_path}: {worst.message[:300]}"] if worst else []

    def _follow(self, validator: Any, _: str, instance: object, schema: Any) -> Any:
        yield from validator.descend(instance, self.resolve(schema))

    def _unknown_keys(self, schema: Any, body: object) -> list[str]:
        schema = self.resolve(schema)
        if not isinstance(body, dict) or "properties" not in schema or schema.get("additionalProperties"):
            return []
        return [key for key in body if key not in schema["properties"]]


@cache
def rest() -> Rest:
    """Return GitHub's OpenAPI description, read once."""
    return _for_good(Rest())


@cache
def graphql_schema() -> GraphQLSchema:
    """Return GitHub's GraphQL schema, read once."""
    text = (PACKAGES / "graphql-schema" / "schema.graphql").read_text(encoding="utf-8")
    # Assumed valid, because the schema as GitHub publishes it is not: it defines two fields twice.
    return _for_good(build_schema(text, assume_valid=True, assume_valid_sdl=True, no_location=True))


def _for_good(loaded: Loaded) -> Loaded:
    """Return *loaded*, which stays: no garbage collection needs to walk through it, as every one of them would."""
    gc.freeze()
    return loaded


def _pattern(template: str) -> re.Pattern[str]:
    # These take slashes; every other parameter is one segment.
    long = {"ref", "path", "basehead", "branch"}
    parts = re.split(r"\{(\w+)\}", template)
    regex = "".join(
        re.escape(part)
        if index % 2 == 0
        else f"(?P<{part}>{'.*' if part == 'path' else '.+' if part in long else '[^/]+'})"
        for index, part in enumerate(parts)
    )
    return re.compile(regex)


def _is_of(schema: Any, known: object) -> bool:
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}
    return bool(schema.get("type", "object") == kinds.get(type(known)))


def _plainest(schema: Any) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return EPOCH
    return {"integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}.get(schema.get("type"), "")


def _type(validator: Any, kind: Any, instance: object, schema: Any) -> Any:
    # OpenAPI 3.0 says `nullable` where JSON Schema says `type: [..., "null"]`.
    if not (instance is None and schema.get("nullable")) and not validator.is_type(instance, kind):
        yield ValidationError(f"{instance!r} is not of type {kind!r}")


def _unless_null(name: str) -> Any:
    original = Draft4Validator.VALIDATORS[name]

    def check(validator: Any, value: Any, instance: object, schema: Any) -> Any:
        if not (instance is None and schema.get("nullable")):
            yield from original(validator, value, instance, schema) or ()

    return check


_Validator = extend(
    Draft4Validator,
    # Of several alternatives, those of an error among them, more than one may fit: `oneOf` is read as `anyOf`.
    {
        "type": _type,
        "oneOf": _unless_null("anyOf"),
        **{name: _unless_null(name) for name in ("enum", "anyOf", "allOf")},
    },
)
