"""Read and extend the file of evidence: one record per line, each with the SHA-256 of the line before it.

A line is canonical JSON: UTF-8, sorted keys, no blanks, whole numbers only (what RFC 8785 gives for this data). Whoever
has the SHA-256 of a line can prove that no line up to it was changed, removed or moved.
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
        """Read the records in *content*; raise TamperedError with the number of the first altered line."""
        records, digests = [], []
        previous = BEFORE_THE_FIRST
        lines = content.split(b"\n")
        if lines.pop():
            raise TamperedError(f"line {len(lines) + 1} of the evidence has no line end: it was cut off or added to")
        for number, line in enumerate(lines, start=1):
            record = _record(line, number)
            if record.get("previous") != previous or (record["record"] == "start") is not (number == 1):
                raise TamperedError(
                    f"line {number} of the evidence does not belong after line {number - 1}: a line was changed,"
                    " removed or moved"
                )
            previous = hashlib.sha256(line).hexdigest()
            records.append(record)
            digests.append(previous)
        return cls(tuple(records), tuple(digests))

    def with_records(self, new: Iterable[Mapping[str, Any]]) -> tuple[Chain, bytes]:
        """Append *new* records; return the longer chain and the new lines."""
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
        """Raise TamperedError if no line has the SHA-256 *digest*, which was the head of an earlier version."""
        if digest and digest not in (*self.digests, BEFORE_THE_FIRST):
            raise TamperedError(
                f"no record of the evidence has the SHA-256 {digest}: records were changed or removed since"
            )


def canonical(record: Mapping[str, Any]) -> bytes:
    """Serialize *record* as canonical JSON, without a line end."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )


def whole_lines(content: bytes) -> bytes:
    """Drop a last line without a line end, left by a run that was killed while writing."""
    return content[: content.rfind(b"\n") + 1]


def _record(line: bytes, number: int) -> dict[str, Any]:
    try:
        record: Any = json.loads(line)
        if isinstance(record, dict) and isinstance(record.get("record"), str) and canonical(record) == line:
            return record
    except (ValueError, RecursionError):
        pass
    raise TamperedError(f"line {number} of the evidence is not a record in canonical form: it was altered")
