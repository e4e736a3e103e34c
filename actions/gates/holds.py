"""Read the open issues of the infra repository that hold an environment (`hold:prod`) or a service of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.app.facts import Unknown
from actions.errors import AccessError, ConfigError
from actions.gates.facts import Hold
from actions.infra.config import PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.api.repository import Repository

PERMISSION = "issues: read"
LABELS_PER_QUERY = 50
MOST_NAMED = 5
ISSUES = (
    f"issues(states: OPEN, first: {MOST_NAMED}, labels: $%s, orderBy: {{field: CREATED_AT, direction: ASC}})"
    " { nodes { number title createdAt author { login } } }"
)


def label(env: str, service: str = "") -> str:
    """Return the label of an issue that holds *env*, or *service* in it."""
    return f"hold:{env}/{service}" if service else f"hold:{env}"


def review_label(env: str) -> str:
    """Return the label of an issue that asks for the review of an emergency in *env*."""
    return f"review:{env}"


@dataclass(frozen=True)
class HoldReader:
    """Read the issues of *infra*, each label once."""

    infra: Repository
    _known: dict[str, tuple[Hold, ...] | Unknown] = field(default_factory=dict, repr=False)

    def read(self, labels: Iterable[str]) -> None:
        """Read *labels*, in few requests."""
        wanted = dict.fromkeys(labels)
        new = [name for name in wanted if name not in self._known]
        for start in range(0, len(new), LABELS_PER_QUERY):
            self._read(new[start : start + LABELS_PER_QUERY])

    def of(self, env: str, service: str) -> tuple[Hold, ...] | Unknown:
        """Return the issues that hold *service* in *env*; raise ConfigError if the repository has no issues."""
        return self.labeled([label(env), label(env, service)])

    def labeled(self, labels: Sequence[str]) -> tuple[Hold, ...] | Unknown:
        """Return the open issues with one of *labels*; raise ConfigError if the repository has no issues."""
        self.read(labels)
        found: dict[int, Hold] = {}
        for name in labels:
            holds = self._known[name]
            if isinstance(holds, Unknown):
                return holds
            found |= {hold.number: hold for hold in holds}
        return tuple(found.values())

    def _read(self, names: Sequence[str]) -> None:
        # One alias for each label: whether several labels in one argument mean any or all of them is not documented.
        aliases = [f"i{index}" for index in range(len(names))]
        fields = " ".join(f"{alias}: {ISSUES % alias}" for alias in aliases)
        document = query(variables=dict.fromkeys(aliases, "[String!]"), fields=f"hasIssuesEnabled {fields}")
        variables = {alias: [name] for alias, name in zip(aliases, names, strict=True)}
        try:
            answer = self.infra.client.repository(document, variables, permission=PERMISSION)
        except AccessError as error:
            self._known.update(dict.fromkeys(names, Unknown(f"which issues hold it: {error}")))
            return
        if not answer["hasIssuesEnabled"]:
            raise ConfigError(
                f"{PATH} asks for issues (hold or emergency), and {self.infra.name} has no issues; switch them"
                " on in its settings, or remove the key",
                file=PATH,
                line=1,
            )
        self._known.update({name: _holds(answer[alias]) for alias, name in zip(aliases, names, strict=True)})


def _holds(answer: Mapping[str, Any]) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            number=issue["number"],
            title=issue["title"],
            by=(issue["author"] or {}).get("login", ""),
            since=datetime.fromisoformat(issue["createdAt"]),
        )
        for issue in answer["nodes"]
    )
