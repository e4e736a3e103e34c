"""Read YAML, and edit it in place.

Scalars are read as their source text: `1.10` is the tag 1.10, although YAML parsers take it for a number.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import yaml

from actions.infra.formats import UNPROVEN, EditError, FormatError, collector_paused, spliced
from actions.infra.formats.yaml_nodes import (
    MOST_NODES,
    NULL,
    STRING,
    children,
    compose,
    expanded_size,
    members,
    second_keys,
)
from actions.infra.tag_path import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from actions.infra.tag_path import Place, Tree

# What no reader takes for anything but a string. Numbers of YAML 1.1, 1.2 and Go have digits, `_`, one `.`, `e` and the
# prefixes 0b, 0o and 0x; dates have digits and `-`. go-yaml v2, and with it kubectl and Helm, has y and n as booleans.
PLAIN = re.compile(
    r"(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][a-z0-9._+/:@=-]*(?<!:)"
    r"|(?!0[box])(?=.*[a-df-z]|.*\..*\.)[0-9][a-z0-9._+/:@=-]*(?<!:)",
    re.IGNORECASE,
)
MOST_NAMED = 10


@dataclass
class YamlDocument:
    """YAML, as the top *nodes* of its documents."""

    text: str
    nodes: list[yaml.Node]

    @cached_property
    def tree(self) -> Tree:
        """Return the tree of the document, or the list of the trees of several documents."""
        trees = [_convert(node, 0) for node in self.nodes]
        return trees[0] if len(trees) == 1 else trees

    def line(self, place: Place) -> int:
        """Return the line number of the value at *place*; of a key on the way to it, if the value is somewhere else."""
        at = 0, 0
        for key, node in self._way(place):
            for mark in (key.end_mark if key else None, node.start_mark):
                at = max(at, (mark.index, mark.line)) if mark else at
        return at[1] + 1

    def require_one(self, place: Place) -> None:
        """Raise EditError if a key on the way to *place* occurs twice."""
        for (_, node), step in zip(self._way(place), place, strict=False):
            second = self._second_keys_of(node).get(step) if isinstance(step, str) else None
            if second:
                raise EditError(f"key {step!r} occurs twice", second.start_mark.line + 1, place)

    def edit(self, values: Mapping[Place, str], change_all: Collection[Place] = ()) -> YamlDocument:
        """Replace the scalars at the places of *values*, each in its style."""
        edits: dict[int, str] = {}
        spans: dict[tuple[int, int], str] = {}
        for place, value in values.items():
            *way, (key, node) = self._way(place)
            if place not in change_all:
                self._require_own(place, [*(step for _, step in way), node])
            if edits.setdefault(id(node), value) != value:
                raise EditError(f"shares its value with another one, and is to be {value}", self.line(place), place)
            start, end = self._span(place, node)
            blank = " " if start == end and key and self.text[start - 1 : start] == ":" else ""
            spans[start, end] = blank + _encode(value, like=self.text[start:end])
        with collector_paused(self.text):
            after = _compose(spliced(self.text, spans))
        # What has the nodes of this document has its depth too, which was looked at.
        if not _differ_in(edits, self.nodes, after.nodes):
            place = next(iter(values))
            raise EditError(UNPROVEN, self.line(place), place)
        return after

    def _way(self, place: Place) -> Iterator[tuple[yaml.Node | None, Any]]:
        """Yield (key, node) of every step from the top to *place*; the key is None for the top and items of lists."""
        node: Any = self.nodes[0] if len(self.nodes) == 1 else yaml.SequenceNode("", self.nodes)
        yield None, node
        for step in place:
            key = None
            if isinstance(step, int):
                node = node.value[step]
            else:
                key, node = self._members_of(node)[step]
            yield key, node

    @cached_property
    def _known(self) -> tuple[dict[int, dict[str, tuple[yaml.Node, yaml.Node]]], dict[int, dict[str, yaml.Node]]]:
        return {}, {}

    def _members_of(self, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        known, _ = self._known
        if id(node) not in known:
            known[id(node)] = members(node)
        return known[id(node)]

    def _second_keys_of(self, node: yaml.Node) -> dict[str, yaml.Node]:
        _, known = self._known
        if id(node) not in known:
            known[id(node)] = second_keys(node)
        return known[id(node)]

    def _require_own(self, place: Place, way: list[Any]) -> None:
        """Raise EditError if the last node of *way* is at other places too, by an alias or a merge key."""
        if not any(self._references[id(node)] > 1 for node in way):
            return
        others = [found for found in self._places(way[-1]) if found != place]
        if not others:
            return
        named = [".".join(map(str, found)) for found in islice(others, MOST_NAMED)]
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        raise EditError(
            f"is shared by an anchor or a merge key: {', '.join(named)}{more} would change with it; write the value"
            " itself there, or say shared: change-all for the service in gitops.yml",
            self.line(place),
            place,
        )

    @cached_property
    def _references(self) -> Counter[int]:
        """Count how often each node is referred to, and what is merged also by the mapping that merges it."""
        if "*" not in self.text:
            return Counter()
        found: Counter[int] = Counter()
        seen: set[int] = set()
        open_nodes = list(self.nodes)
        while open_nodes:
            node = open_nodes.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            below = children(node)
            found.update(map(id, below))
            if isinstance(node, yaml.MappingNode):
                own = set(map(id, below))
                found.update(id(value) for _, value in members(node).values() if id(value) not in own)
            open_nodes += below
        return found

    def _places(self, wanted: yaml.Node) -> Iterator[Place]:
        """Yield every place of the node *wanted*."""
        alone = len(self.nodes) == 1
        open_nodes: list[tuple[Place, yaml.Node]] = [
            (() if alone else (index,), node) for index, node in enumerate(self.nodes)
        ]
        while open_nodes:
            place, node = open_nodes.pop(0)
            if node is wanted:
                yield place
            elif isinstance(node, yaml.MappingNode):
                open_nodes += [((*place, name), value) for name, (_, value) in members(node).items()]
            elif isinstance(node, yaml.SequenceNode):
                open_nodes += [((*place, index), value) for index, value in enumerate(node.value)]

    def _span(self, place: Place, node: yaml.ScalarNode) -> tuple[int, int]:
        """Return the span of the scalar *node*, after its anchor, its type and comments between them."""
        if node.style in ("|", ">"):
            raise EditError("is a block of text; write it on the line of its key", self.line(place), place)
        start, end = node.start_mark.index, node.end_mark.index
        if self.text[start : start + 1] not in ("&", "!"):
            return start, end
        for token in yaml.scan(self.text[start:end], Loader=yaml.SafeLoader):
            if isinstance(token, yaml.TagToken) and node.tag != STRING:
                raise EditError("has a type of its own; write it as a plain string", self.line(place), place)
            if isinstance(token, yaml.ScalarToken):
                return start + token.start_mark.index, start + token.end_mark.index
        raise EditError("is empty behind its anchor or type; write it as a plain string", self.line(place), place)


def parse(text: str) -> YamlDocument:
    """Parse *text*.

    Raises FormatError if it is not YAML, nests too deeply, or expands to more than a million nodes.
    """
    with collector_paused(text):
        document = _compose(text)
        try:
            _ = document.tree
        except RecursionError as error:
            raise FormatError("nested too deeply") from error
    return document


def _compose(text: str) -> YamlDocument:
    nodes = compose(text)
    if "*" in text and expanded_size(nodes) > MOST_NODES:
        raise FormatError("its aliases expand to more than a million nodes", text.count("\n", 0, text.index("*")) + 1)
    return YamlDocument(text, nodes)


def root(text: str) -> yaml.Node | None:
    """Parse *text*, where every key must be unique, to its top node; None if *text* is empty.

    Raises FormatError if a key occurs twice, or if there are several documents.
    """
    documents = parse(text).nodes
    if len(documents) > 1:
        raise FormatError("a second document begins", documents[1].start_mark.line + 1)
    open_nodes = list(documents)
    while open_nodes:
        node = open_nodes.pop()
        open_nodes += children(node)
        for name, second in second_keys(node).items() if isinstance(node, yaml.MappingNode) else ():
            raise FormatError(f"key {name!r} occurs twice", second.start_mark.line + 1)
    return documents[0] if documents else None


def _convert(node: yaml.Node, depth: int) -> Tree:
    if depth > DEEPEST:
        raise FormatError("nested too deeply", node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(child, depth + 1) for child in node.value]
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == NULL else str(node.value)
    return {name: _convert(value, depth + 1) for name, (_, value) in members(node).items()}


def _differ_in(edits: Mapping[int, str], before: list[yaml.Node], after: list[yaml.Node]) -> bool:
    """Tell whether *after* is *before* with the new values of *edits*, as strings, and not one other value or type."""
    seen: set[int] = set()
    pairs: list[tuple[Any, Any]] = list(zip(before, after, strict=False))
    if len(before) != len(after):
        return False
    while pairs:
        old, new = pairs.pop()
        if id(old) in seen:
            continue
        seen.add(id(old))
        if isinstance(old, yaml.ScalarNode):
            expected = (STRING, edits[id(old)]) if id(old) in edits else (old.tag, old.value)
            if not isinstance(new, yaml.ScalarNode) or (new.tag, new.value) != expected:
                return False
            continue
        if type(old) is not type(new) or old.tag != new.tag or len(old.value) != len(new.value):
            return False
        pairs += zip(children(old), children(new), strict=True)
    return True


def _encode(value: str, *, like: str) -> str:
    """Write *value* as a scalar in the quotes of *like*; without quotes, add them unless it is plainly a string."""
    if like.startswith(("'", '"')):
        return like[0] + value + like[0]
    return value if PLAIN.fullmatch(value) else json.dumps(value)
