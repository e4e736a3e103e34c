"""Read and write the trailers of a change: lines `Key: value` of a commit message (git-interpret-trailers(1)).

Reason: 1.4.3 logs everybody out                       why a rollback is needed
Allow-diverged: the fix is not needed any more         why the new tag may lack commits of the deployed one
Allow-return: 1.4.3 it was the database        which tag that was rolled back may return, and why
Freeze-override: the shop is down                      why the change is deployed in spite of a freeze
Requested-by: alice                                    who asked the bot for it, and so cannot approve it
Requested-in: https://github.com/your-org/infra/...    the run in which the bot was asked
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
    "allow-return": "allow_return",
    "freeze-override": "freeze_override",
    "requested-by": "requested_by",
    "requested-in": "requested_in",
}
TRAILER = re.compile(rf"(?im)^({'|'.join(KEYS)}):[ \t]*(\S.*)$")
# A line of a paragraph of trailers: a trailer, the continuation of one, or the line of git cherry-pick -x.
LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*:.*|[ \t]+\S.*|\(cherry picked from commit .*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trailers:
    """The trailers of a change: why an otherwise refused change is allowed, and who requested it where; each or ""."""

    reason: str = ""
    allow_diverged: str = ""
    allow_return: str = ""
    freeze_override: str = ""
    requested_by: str = ""
    requested_in: str = ""

    @property
    def why(self) -> str:
        """Return why the change does what would be refused otherwise, "" if it gives no reason."""
        return self.reason or self.allow_diverged or self.allow_return or self.freeze_override

    def then(self, later: Trailers) -> Trailers:
        """Combine these trailers with *later* ones, which win where both give a value."""
        return Trailers(**{name: getattr(later, name) or getattr(self, name) for name in KEYS.values()})

    def as_lines(self) -> list[str]:
        """Return the trailers as lines for a commit message."""
        values = {key: getattr(self, name) for key, name in KEYS.items()}
        return [f"{key.capitalize()}: {one_line(value)}" for key, value in values.items() if value]


def read(text: str) -> Trailers:
    """Read the trailers in *text*. The last one of a key counts; a line within a paragraph of prose is no trailer."""
    return Trailers(**{KEYS[match[1].lower()]: one_line(match[2]) for match in _trailers(text)})


def requesters(text: str) -> frozenset[str]:
    """Return the logins in all `Requested-by` trailers of *text*, the messages of one commit or several."""
    values = (match[2] for match in _trailers(text) if match[1].lower() == "requested-by")
    return frozenset(login.lstrip("@") for logins in values for login in logins.replace(",", " ").split())


def _trailers(text: str) -> Iterator[re.Match[str]]:
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        if all(LINE.fullmatch(line) for line in paragraph.strip("\n").split("\n")):
            yield from TRAILER.finditer(paragraph)


def one_line(text: str) -> str:
    """Fit *text* into a trailer: one line of at most 500 characters."""
    return " ".join(text.split())[:LONGEST]
