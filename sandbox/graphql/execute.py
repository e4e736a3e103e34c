"""Execute a document as GitHub would: its limits first, then the schema over what the sandbox knows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLResolveInfo, execute_sync, parse, validate

from sandbox.behaviour import Refusal
from sandbox.descriptions import graphql_schema
from sandbox.graphql.cost import Cost, QueryLimitError, cost_of
from sandbox.graphql.root import Root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.graphql.context import Context

REFUSED = Cost(0, 0)


def answer(
    context: Context, document: str, variables: Mapping[str, Any], operation: str | None = None
) -> tuple[dict[str, Any], list[str], Cost]:
    """Return the answer to *document*, what GitHub's schema has against the document, and its cost."""
    parsed, invalid = _checked(document)
    if not parsed:
        return {"errors": [error.formatted for error in invalid]}, [error.message for error in invalid], REFUSED
    try:
        cost = cost_of(parsed, variables, operation)
    except QueryLimitError as error:
        entry = {"type": error.kind, "message": str(error)}
        return {"errors": [entry]}, [str(error)], REFUSED
    result = execute_sync(
        graphql_schema(),
        parsed,
        root_value=Root(context, cost),
        variable_values=dict(variables),
        operation_name=operation,
        field_resolver=_resolve,
        type_resolver=lambda value, *_: type(value).__name__,
    )
    return _formatted(result), [], cost


@lru_cache(maxsize=512)
def _checked(document: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """Return *document*, parsed, or what is wrong with it; the same ones come again and again."""
    try:
        parsed = parse(document)
    except GraphQLError as error:
        return None, [error]
    invalid = validate(graphql_schema(), parsed)
    return (None, invalid) if invalid else (parsed, [])


def _formatted(result: ExecutionResult) -> dict[str, Any]:
    if not result.errors:
        return {"data": result.data}
    errors = []
    for error in result.errors:
        entry: dict[str, Any] = {
            "message": error.message,
            "path": error.path,
            "locations": error.formatted["locations"],
        }
        if isinstance(error.original_error, Refusal):
            entry = {"type": error.original_error.kind, **entry}
        errors.append(entry)
    return {"data": result.data, "errors": errors}


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    if isinstance(source, dict):
        return source[info.field_name]
    method = getattr(source, info.field_name, None)
    if method is None:
        raise GraphQLError(f"the sandbox does not model {info.parent_type.name}.{info.field_name}")
    return method(**arguments)
