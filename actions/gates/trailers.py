"""What a change says of itself in trailers, lines `Key: value` of a commit message (git-interpret-trailers(1)).

Reason: 1.4.3 drops the sessions of everybody          why a roll back
Allow-diverged: the fix is not needed any more         why a tag need not contain the one in place
Freeze-override: the shop is down                      why it goes in spite of a freeze
Requested-by: alice                                    who had the bot make it: nobody who is independent of it
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 500
KEYS = {
    "reason": "reason",
    "allow-diverged": "allow_diverged",
    "freeze-override": "freeze_override",
    "requested-by": "requested_by",
}
TRAILER = re.compile(rf"(?im)^({'|'.join(KEYS)}):[ \t]*(\S.*)$")
# A line of a paragraph that holds trailers and nothing else: a trailer, the rest of a long one, or what git adds.
LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*:.*|[ \t]+\S.*|\(cherry picked from commit .*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trailers:
    """Why a change does what would be refused otherwise, and who asked for it; "" where it does not say."""

    reason: str = ""
    allow_diverged: str = ""
    freeze_override: str = ""
    requested_by: str = ""

    def then(self, later: Trailers) -> Trailers:
        """Return what is said by this and by what comes *later*, which has the last word."""
        return Trailers(**{name: getattr(later, name) or getattr(self, name) for name in KEYS.values()})

    def as_lines(self) -> list[str]:
        """Return the lines of a commit message that say this."""
        said = {key: getattr(self, name) for key, name in KEYS.items()}
        return [f"{key.capitalize()}: {one_line(value)}" for key, value in said.items() if value]


def read(text: str) -> Trailers:
    """Return what *text* says; of several trailers of one key the last counts. A line within prose is no trailer."""
    return Trailers(**{KEYS[match[1].lower()]: one_line(match[2]) for match in _trailers(text)})


def requesters(text: str) -> frozenset[str]:
    """Return everybody of whom *text*, which may be that of several commits, says that they asked for it."""
    asked = (match[2] for match in _trailers(text) if match[1].lower() == "requested-by")
    return frozenset(name.lstrip("@") for names in asked for name in names.replace(",", " ").split())


def _trailers(text: str) -> Iterator[re.Match[str]]:
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        if all(LINE.fullmatch(line) for line in paragraph.strip("\n").split("\n")):
            yield from TRAILER.finditer(paragraph)


def one_line(text: str) -> str:
    """Return *text* as it fits a trailer."""
    return " ".join(text.split())[:LONGEST]
