"""What a query costs, counted before it runs as GitHub's documentation counts it.

docs.github.com, "Rate limits and query limits for the GraphQL API": every `first` or `last` multiplies by those above
it, which gives the nodes; each connection is one request for each of its parents, and a hundred requests are a point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    Undefined,
    get_named_type,
    value_from_ast_untyped,
)

from sandbox.descriptions import graphql_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, GraphQLNamedType, SelectionSetNode

MOST_NODES = 500_000
LONGEST_PAGE = 100


class QueryLimitError(Exception):
    """A query that GitHub refuses before it runs it: the *type* of the error, and its message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Cost:
    """The nodes that a query may return at most, and the requests that it makes of GitHub's own servers."""

    nodes: int
    requests: int

    @property
    def points(self) -> int:
        """Return what the query takes from the rate limit."""
        return max(1, round(self.requests / 100))


def cost_of(document: DocumentNode, variables: Mapping[str, Any], operation: str | None = None) -> Cost:
    """Return the cost of *operation* of *document*; raise QueryLimitError if GitHub refuses to run it."""
    counter = _Counter(document, variables)
    for definition in document.definitions:
        named = isinstance(definition, OperationDefinitionNode) and definition.name and definition.name.value
        if isinstance(definition, OperationDefinitionNode) and operation in (None, named):
            root = graphql_schema().get_root_type(definition.operation)
            counter.count(definition.selection_set, root, 1)
    # The call itself is a request too.
    cost = Cost(counter.nodes, counter.requests + 1)
    if cost.nodes > MOST_NODES:
        raise QueryLimitError(
            "MAX_NODE_LIMIT_EXCEEDED",
            f"This query requests up to {cost.nodes:,} possible nodes which exceeds the maximum limit of"
            f" {MOST_NODES:,}.",
        )
    return cost


class _Counter:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.nodes = 0
        self.requests = 0
        self._variables = dict(variables)
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def count(self, selections: SelectionSetNode, parent: GraphQLNamedType | None, times: int) -> None:
        """Count *selections* of the type *parent*, of which there are *times* objects."""
        for field, kind in self._fields(selections, parent):
            if (
                not field.selection_set
                or not isinstance(kind, GraphQLObjectType)
                or field.name.value not in kind.fields
            ):
                continue
            type_ = get_named_type(kind.fields[field.name.value].type)
            inner = times
            if type_.name.endswith("Connection"):
                size = self._size(field)
                self.requests += times
                inner = times * size
                self.nodes += inner
            self.count(field.selection_set, type_, inner)

    def _size(self, field: FieldNode) -> int:
        """Return how many records a connection asks for; none if it asks for no record but, say, for their number."""
        limits = {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in field.arguments or ()
            if argument.name.value in ("first", "last")
        }
        limits = {limit: value for limit, value in limits.items() if value is not None and value is not Undefined}
        name = (field.alias or field.name).value
        asked = {selected.name.value for selected, _ in self._fields(field.selection_set, None)}
        if not limits:
            if asked & {"nodes", "edges"}:
                raise QueryLimitError(
                    "MISSING_PAGINATION_BOUNDARIES",
                    f"You must provide a `first` or `last` value to properly paginate the `{name}` connection.",
                )
            return 0
        if len(limits) > 1:  # the type is a guess; the words are those that others took from GitHub
            raise QueryLimitError(
                "INVALID_PAGINATION_BOUNDARIES",
                f"Passing both `first` and `last` to paginate the `{name}` connection is not supported.",
            )
        for limit, value in limits.items():
            if not isinstance(value, int) or not 0 < value <= LONGEST_PAGE:
                raise QueryLimitError(
                    "EXCESSIVE_PAGINATION",
                    f"Requesting {value} records on the `{name}` connection exceeds the `{limit}` limit of"
                    f" {LONGEST_PAGE} records.",
                )
        return int(next(iter(limits.values())))

    def _fields(
        self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> Iterator[tuple[FieldNode, GraphQLNamedType | None]]:
        """Yield the fields of *selections*, those of fragments too, each with the type that it is a field of."""
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                yield selection, parent
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                kind = graphql_schema().get_type(condition.name.value) if condition else parent
                yield from self._fields(selection.selection_set, kind)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                kind = graphql_schema().get_type(fragment.type_condition.name.value)
                yield from self._fields(fragment.selection_set, kind)
