"""Compose YAML to nodes that know their lines, by the compiled parser where there is one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml.composer import Composer, ComposerError

from actions.infra.formats import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"
STRING = "tag:yaml.org,2002:str"
# A few anchors and aliases can expand to more nodes than fit into memory ("billion laughs").
MOST_NODES = 1_000_000
# The compiled parser crashes on some ten thousand levels. The text tells that there are fewer than this many, in less
# time than it takes to count them.
SAFE_DEPTH = 1000
INDENT = re.compile(r"^[ ?:\t-]*", re.MULTILINE)


class _Composer(Composer):
    """PyYAML's composer, for which an anchor may be set anew, as YAML allows."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[attr-defined]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)


class PurePythonLoader(_Composer, yaml.SafeLoader):
    """PyYAML in Python, with tabs wherever libyaml, and its translation to Go, has them."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str]:
        length = 0
        while self.peek(length) in (" ", "\t"):
            length += 1
        blanks = self.prefix(length)
        if "\t" not in blanks:
            return super().scan_plain_spaces(indent, start_mark) or []
        self.forward(length)
        return super().scan_plain_spaces(indent, start_mark) or [blanks]


LOADER: Any = getattr(yaml, "CSafeLoader", PurePythonLoader)


def compose(text: str) -> list[yaml.Node]:
    """Return the top node of every document in *text*; raise FormatError if it is not YAML."""
    try:
        if _may_be_deep(text):
            _require_shallow(text)
        try:
            return list(yaml.compose_all(text, Loader=LOADER))
        except ComposerError as error:
            if "duplicate anchor" not in str(error.context):
                raise
            return list(yaml.compose_all(text, Loader=_with_repeated_anchors(LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormatError(f"not YAML: {error.problem}", mark.line + 1 if mark else 0) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FormatError(f"not YAML: {error}".splitlines()[0], line) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise FormatError(f"not YAML: {error}".splitlines()[0]) from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error


def members(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the (key, value) of every member of a mapping, also of those that it merges and does not override."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if key.tag == MERGE:
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                for name, pair in members(source).items() if isinstance(source, yaml.MappingNode) else ():
                    merged.setdefault(name, pair)
        else:
            own[_name(key)] = (key, value)
    return {**merged, **own} if merged else own


def second_keys(node: yaml.Node) -> dict[str, yaml.Node]:
    """Return the second key of every name that a mapping has twice."""
    seen: set[str] = set()
    found: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        name = _name(key) if key.tag != MERGE else ""
        if name in seen:
            found.setdefault(name, key)
        elif key.tag != MERGE:
            seen.add(name)
    return found


def children(node: yaml.Node) -> list[yaml.Node]:
    """Return the items of a list, or the keys and values of a mapping."""
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def expanded_size(nodes: Iterable[yaml.Node]) -> int:
    """Return how many nodes there are below *nodes* when all aliases are expanded."""
    known: dict[int, int] = {}
    try:
        return sum(_size(node, known) for node in nodes)
    except RecursionError as error:
        raise FormatError("nested too deeply") from error


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # an alias to an enclosing node expands without end
        known[id(node)] = 1 + sum(_size(child, known) for child in children(node))
    return known[id(node)]


def _name(key: yaml.Node) -> str:
    """Return *key* as text: a list or a mapping, which no path leads through, as JSON."""
    return str(key.value) if isinstance(key, yaml.ScalarNode) else json.dumps(_plain(key))


def _plain(node: yaml.Node) -> object:
    return node.value if isinstance(node, yaml.ScalarNode) else [_plain(child) for child in children(node)]


def _may_be_deep(text: str) -> bool:
    """Tell whether *text* may nest deeply: a level takes a bracket, or a column that a second one may share."""
    brackets = text.count("[") + text.count("{")
    if brackets + len(text) <= SAFE_DEPTH:
        return False
    return brackets + 2 * max(map(len, INDENT.findall(text))) > SAFE_DEPTH


def _require_shallow(text: str) -> None:
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > SAFE_DEPTH:
            raise FormatError("nested too deeply", event.start_mark.line + 1)


def _with_repeated_anchors(loader: Any) -> Any:
    """Return *loader*, the compiled one, with our composer, which is slower than its own."""

    class Loader(_Composer, loader):  # type: ignore[misc]
        def __init__(self, stream: str) -> None:
            loader.__init__(self, stream)
            Composer.__init__(self)

    return Loader
