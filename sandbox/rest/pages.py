"""Lists in pages, with the links to the others (docs.github.com, "Using pagination in the REST API")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT, LONGEST = 30, 100
# OpenAPI, "Compare two commits" and "Get a commit".
MOST_COMMITS, MOST_FILES = 250, 300


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of what *url* lists, numbered or by a cursor, and the one that *query* asks for."""

    url: str
    query: Mapping[str, str]
    by_page: bool

    def of(self, known: Any) -> tuple[Any, str]:
        """Return one page of the list *known* (or in it) and the header Link."""
        if isinstance(known, list):
            return self._page(known, DEFAULT)
        if "total_commits" in known:
            return self._comparison(known)
        if "total_count" in known:
            name = next(name for name, value in known.items() if isinstance(value, list))
            some, link = self._page(known[name], DEFAULT)
            return {**known, name: some}, link
        if "files" in known:
            some, link = self._page(known["files"], MOST_FILES, longest=MOST_FILES)
            return {**known, "files": some}, link
        return known, ""

    def _comparison(self, known: Any) -> tuple[Any, str]:
        """Return the newest commits of a comparison, or a page of it; files are on the first page alone."""
        known = {**known, "files": known["files"][:MOST_FILES]}
        if not self.query.keys() & {"page", "per_page"}:
            return {**known, "commits": known["commits"][-MOST_COMMITS:]}, ""
        some, link = self._page(known["commits"], DEFAULT)
        return {**known, "commits": some, "files": known["files"] if self._number == 1 else []}, link

    @property
    def _number(self) -> int:
        return max(1, int(self.query.get("page", 1)))

    def _page(self, known: list[Any], default: int, *, longest: int = LONGEST) -> tuple[list[Any], str]:
        # A guess: that more than the longest page is the longest, and none the default.
        size = min(int(self.query.get("per_page", default)) or default, longest)
        if not self.by_page:
            after = self.query.get("after", "")
            start = int(after) if after.isdecimal() else 0
            links = {"next": {"after": start + size}} if start + size < len(known) else {}
        else:
            start, last = (self._number - 1) * size, -(-len(known) // size)
            links = {
                **({"prev": {"page": self._number - 1}} if self._number > 1 else {}),
                **({"next": {"page": self._number + 1}, "last": {"page": last}} if self._number < last else {}),
                **({"first": {"page": 1}} if self._number > 1 else {}),
            }
        shown = (f'<{self.url}?{urlencode({**self.query, **where})}>; rel="{name}"' for name, where in links.items())
        return known[start : start + size], ", ".join(shown)
