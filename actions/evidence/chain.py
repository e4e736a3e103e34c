"""The file of evidence: one record a line, each of which carries the SHA-256 of the line before.

A line is canonical JSON: UTF-8, keys sorted, no blanks, numbers that are whole (RFC 8785 asks for the same of such
data). Whoever has the SHA-256 of the last line can tell that nothing up to there was changed, removed or moved.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.errors import TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEFORE_THE_FIRST = "0" * 64
KINDS = ("start", "change", "amendment", "deployment", "rewrite", "gap")


@dataclass(frozen=True, slots=True)
class Chain:
    """The records of a file, oldest first, and the SHA-256 of each line."""

    records: tuple[dict[str, Any], ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """Return the SHA-256 of the last line."""
        return self.digests[-1] if self.digests else BEFORE_THE_FIRST

    @classmethod
    def read(cls, content: bytes) -> Chain:
        """Return the records in *content*; raise TamperedError with the line if they are not as they were written."""
        records, digests = [], []
        previous = BEFORE_THE_FIRST
        lines = content.split(b"\n")
        if lines.pop():
            raise TamperedError(f"line {len(lines) + 1} has no end; it was cut off, or something was added")
        for number, line in enumerate(lines, start=1):
            record = _record(line, number)
            if record.get("previous") != previous or (record["record"] == "start") is not (number == 1):
                raise TamperedError(
                    f"line {number} follows another line than the one before it: one was changed, removed or moved"
                )
            previous = hashlib.sha256(line).hexdigest()
            records.append(record)
            digests.append(previous)
        return cls(tuple(records), tuple(digests))

    def with_records(self, new: Iterable[Mapping[str, Any]]) -> tuple[Chain, bytes]:
        """Return this chain with *new* records at its end, and the lines that they are."""
        records, digests, content = list(self.records), list(self.digests), b""
        previous = self.head
        for record in new:
            line = canonical({**record, "previous": previous})
            previous = hashlib.sha256(line).hexdigest()
            records.append(json.loads(line))
            digests.append(previous)
            content += line + b"\n"
        return Chain(tuple(records), tuple(digests)), content

    def require(self, digest: str) -> None:
        """Raise TamperedError if no line has the SHA-256 *digest*: what once ended there does not go on here."""
        if digest and digest not in (*self.digests, BEFORE_THE_FIRST):
            raise TamperedError(f"no record has the SHA-256 {digest}: records were changed or removed since")


def canonical(record: Mapping[str, Any]) -> bytes:
    """Return *record* as the one line that it can be."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )


def whole_lines(content: bytes) -> bytes:
    """Return *content* without a last line that has no end: a run that was killed while it wrote left it."""
    return content[: content.rfind(b"\n") + 1]


def _record(line: bytes, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
        same = isinstance(record, dict) and record.get("record") in KINDS and canonical(record) == line
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise TamperedError(f"line {number} is not as it was written")
    found: dict[str, Any] = record
    return found
