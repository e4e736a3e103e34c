"""Read YAML, and edit it in place.

Scalars are read as their source text: `1.10` is the tag 1.10, although YAML parsers take it for a number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from actions.infra.formats import FormatError

if TYPE_CHECKING:
    from actions.infra.tag_path import Place, Tree

LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"
STRING = "tag:yaml.org,2002:str"
# A few anchors and aliases can expand to more nodes than fit into memory ("billion laughs").
MOST_NODES = 1_000_000
DEEPEST = 200
TOO_SHORT_TO_NEST_DEEPLY = 2000
# The plain scalars that are not strings in the YAML 1.2 core schema (YAML 1.2.2, section 10.3.2); PyYAML's resolver
# implements YAML 1.1.
NOT_A_STRING_IN_YAML_1_2 = re.compile(
    r"null|Null|NULL|~|true|True|TRUE|false|False|FALSE"
    r"|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def load(text: str) -> Tree:
    """Parse *text* to the tree of its document, or a list of trees if there are several documents.

    Raises FormatError if it is not YAML, repeats a key, nests too deeply, or expands to more than a million nodes.
    """
    documents = _documents(text)
    try:
        known: dict[int, int] = {}
        if sum(_size(node, known) for node in documents) > MOST_NODES:
            raise FormatError("its aliases expand to more than a million nodes")
        trees = [_convert(node) for node in documents]
    except RecursionError as error:
        raise FormatError("nested too deeply") from error
    return trees[0] if len(trees) == 1 else trees


def root(text: str) -> yaml.Node | None:
    """Parse *text* to its top node, which knows the lines of all nodes in it; None if *text* is empty.

    Raises FormatError if there are several documents.
    """
    documents = _documents(text)
    if len(documents) > 1:
        raise FormatError("a second document begins", documents[1].start_mark.line + 1)
    return documents[0] if documents else None


def splice(text: str, place: Place, value: str) -> str:
    """Replace the scalar at *place* by *value* in the same style, and change no other character."""
    documents = _documents(text)
    node: Any = documents[0] if len(documents) == 1 else yaml.SequenceNode("", documents)
    key_end = 0
    for step in place:
        if isinstance(step, int):
            node = node.value[step]
        else:
            key, node = next((key, value) for key, value in node.value if key.value == step)
            key_end = key.end_mark.index
    start, end, line = node.start_mark.index, node.end_mark.index, node.start_mark.line + 1
    if start < key_end:
        raise FormatError("is an alias; write the value itself there", line)
    if node.style in ("|", ">"):
        raise FormatError("is a block of text; write it on the line of its key", line)
    if text[start : start + 1] in ("&", "!"):
        start, end = _bare_scalar(text, node)
    token = _encode(value, like=text[start:end])
    blank = " " if text[start - 1 : start] == ":" else ""
    return text[:start] + blank + token + text[end:]


def _bare_scalar(text: str, node: yaml.Node) -> tuple[int, int]:
    """Return the span of the scalar of *node*, after its anchor, its type and comments between them."""
    if node.tag != STRING:
        raise FormatError("has a type of its own; write it as a plain string", node.start_mark.line + 1)
    for token in yaml.scan(text, Loader=LOADER):
        inside = node.start_mark.index <= token.start_mark.index < node.end_mark.index
        if isinstance(token, yaml.ScalarToken) and inside:
            return token.start_mark.index, token.end_mark.index
    raise FormatError("is empty behind its anchor or type; write it as a plain string", node.start_mark.line + 1)


def _documents(text: str) -> list[yaml.Node]:
    try:
        if len(text) > TOO_SHORT_TO_NEST_DEEPLY:
            _require_shallow(text)
        return [node for node in yaml.compose_all(text, Loader=LOADER) if node]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormatError(f"not YAML: {error.problem}", mark.line + 1 if mark else 0) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise FormatError(f"not YAML: {error}".splitlines()[0]) from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error


def _require_shallow(text: str) -> None:
    """Raise FormatError if *text* nests deeply, which would crash the process in the compiled parser."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise FormatError("nested too deeply")


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many nodes *node* has when all aliases are expanded."""
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # an alias to an enclosing node expands without end
        known[id(node)] = 1 + sum(_size(child, known) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _convert(node: yaml.Node) -> Tree:
    if isinstance(node, yaml.SequenceNode):
        return [_convert(child) for child in node.value]
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == NULL else str(node.value)
    tree: dict[str, Tree] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise FormatError("a key is not a word", key.start_mark.line + 1)
        if key.tag == MERGE:
            raise FormatError("a merge key (<<) is not supported; write out its content", key.start_mark.line + 1)
        if key.value in tree:
            raise FormatError(f"key {key.value!r} occurs twice", key.start_mark.line + 1)
        tree[key.value] = _convert(value)
    return tree


def _encode(value: str, *, like: str) -> str:
    """Write *value* as a scalar in the quotes of *like*; without quotes, add them if a parser would read a number."""
    if like.startswith(("'", '"')):
        return like[0] + value + like[0]
    resolver = LOADER("")
    plain_is_string = resolver.resolve(yaml.ScalarNode, value, (True, False)) == STRING
    return value if plain_is_string and not NOT_A_STRING_IN_YAML_1_2.fullmatch(value) else f'"{value}"'
