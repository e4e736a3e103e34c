"""Write facts as records, and read them back: a record holds the facts of its kind, all of them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from actions.errors import TamperedError
from actions.evidence.access import Access
from actions.evidence.facts import (
    Amendment,
    Answer,
    ChangeFacts,
    Collected,
    Gap,
    LiftedHold,
    Listing,
    OtherCommit,
    Rewrite,
    Scope,
    StrayDeployment,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = 1
KINDS: dict[str, type] = {
    "start": Scope,
    "change": ChangeFacts,
    "amendment": Amendment,
    "commit": OtherCommit,
    "deployment": StrayDeployment,
    "rewrite": Rewrite,
    "gap": Gap,
    "hold": LiftedHold,
    "answer": Answer,
    "access": Access,
    "list": Listing,
}
NAMES = {facts: kind for kind, facts in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """The *facts* of one record, and how it was made."""

    facts: Any
    collected: Collected

    @property
    def kind(self) -> str:
        """Return the name of the kind of the record."""
        return NAMES[type(self.facts)]

    def as_json(self) -> dict[str, Any]:
        """Return the record as it is written, but for its place in the chain."""
        return {
            "record": self.kind,
            "schema": SCHEMA,
            **asdict(self.facts),
            "collected": asdict(self.collected),
        }


def read_records(lines: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Read the records of a chain; raise TamperedError with the number of one that is not as it would be written."""
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(_read(line))
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            raise TamperedError(
                f"line {number} of the evidence is no record that this action writes: {error}"
            ) from error
    return records


def _read(line: Mapping[str, Any]) -> Record:
    facts = {name: value for name, value in line.items() if name not in ("record", "schema", "collected", "previous")}
    if line["schema"] != SCHEMA:
        raise ValueError(f"its schema is {line['schema']!r}, not {SCHEMA}")
    return Record(_load(KINDS[line["record"]], facts), _load(Collected, line["collected"]))


def _load(kind: Any, value: Any) -> Any:
    """Return *value*, which JSON holds, as the type *kind*; raise ValueError if it is none."""
    if is_dataclass(kind):
        return _load_dataclass(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _load(next(each for each in inner if each is not NoneType), value)
    if origin is tuple and isinstance(value, list):
        return tuple(_load(inner[0], each) for each in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _load(inner[1], each) for key, each in value.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if type(value) is not kind:
        raise ValueError(f"{str(value)[:80]!r} is no {getattr(kind, '__name__', kind)}")
    return value


def _load_dataclass(kind: Any, value: Any) -> Any:
    types = _types(kind)
    if not isinstance(value, dict) or value.keys() != types.keys():
        named = ", ".join(sorted(types.keys() ^ value.keys())) if isinstance(value, dict) else "all of it"
        raise ValueError(f"{kind.__name__} lacks facts, or has others: {named[:200]}")
    return kind(**{name: _load(types[name], each) for name, each in value.items()})


@cache
def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}
