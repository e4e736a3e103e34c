"""What goes wrong between a client and GitHub, on demand.

A fault is planned for an operation by its name: `"PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"` in REST; in
GraphQL the kind and a field, `"mutation createCommitOnBranch"` or `"query pullRequest"`.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLSyntaxError, OperationDefinitionNode, parse

from sandbox import descriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from graphql import SelectionSetNode

# When a fault happens: at every call of an operation, at the n-th of them, or at the n-th call of all, from 0.
When = str | tuple[str, int] | int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An answer in place of GitHub's own: a status, or (status 0) a connection that is dropped without one.

    With *after*, GitHub has done what it was asked to, and only the answer is lost. *meanwhile* happens at that moment
    too, whatever it is: another writer, a clock. With *silent* nothing is lost, and only *meanwhile* happens. An answer
    comes *delay* seconds late.
    """

    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    delay: float = 0
    silent: bool = False
    meanwhile: Callable[[], object] = lambda: None


@dataclass(slots=True)
class Faults:
    """The faults to come; *calls* counts the API calls since the plan was made."""

    planned: dict[When, Fault] = field(default_factory=dict)
    fired: set[When] = field(default_factory=set)
    calls: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    @property
    def waiting(self) -> list[When]:
        """Return which planned faults have not happened."""
        return [when for when in self.planned if when not in self.fired]

    def plan(self, faults: Mapping[When, Fault]) -> None:
        """Plan *faults*, and count calls from here; those of the plan before must have happened."""
        if self.waiting:
            raise RuntimeError(f"planned, and never happened: {self.waiting}")
        self.planned, self.fired, self.calls, self._seen = dict(faults), set(), 0, Counter()

    def next(self, verb: str, path: str, body: bytes) -> Fault | None:
        """Return the fault of the call that begins now, if it has one. *path* is empty for GraphQL."""
        names = operations(verb, path, body) if self.planned else set()
        due: list[When] = [self.calls, *names, *((name, self._seen[name]) for name in names)]
        self.calls += 1
        self._seen.update(names)
        found = [when for when in due if when in self.planned]
        self.fired.update(found)
        return self.planned[found[0]] if found else None


def operations(verb: str, path: str, body: bytes) -> set[str]:
    """Return the names of a call: one in REST; in GraphQL one for each field at the top, or of the repository there."""
    if path:
        matched = descriptions.rest().operation(verb, path)
        return {str(matched[0])} if matched else set()
    try:
        document = parse(json.loads(body)["query"])
    except (ValueError, KeyError, GraphQLSyntaxError):
        return set()
    asked = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return {f"{node.operation.value} {name}" for node in asked for name in _fields(node.selection_set)}


def _fields(selection: SelectionSetNode | None) -> Iterator[str]:
    for node in selection.selections if selection else ():
        if isinstance(node, FieldNode):
            yield node.name.value
            if node.name.value == "repository":
                yield from _fields(node.selection_set)


class Turns:
    """An order in which several clients, known by their tokens, make their calls: one at a time, each when it is due.

    A client that is done gives up its turns; who has none left calls when it likes.
    """

    def __init__(self, order: Sequence[str]) -> None:
        self.made: list[str] = []  # whose calls were made, in their order
        self._order = list(order)
        self._changed = threading.Condition()

    def wait(self, client: str) -> None:
        """Return when it is the turn of *client*, and take that turn."""
        with self._changed:
            self._changed.wait_for(lambda: client not in self._order or self._order[0] == client)
            if self._order and self._order[0] == client:
                self._order.pop(0)
            self.made.append(client)
            self._changed.notify_all()

    def give_up(self, client: str) -> None:
        """Take *client* out of the order."""
        with self._changed:
            self._order = [other for other in self._order if other != client]
            self._changed.notify_all()
