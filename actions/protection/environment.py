"""Represent a GitHub environment of a file and of GitHub in one form, and compare the two.

A file contains what the API takes (docs.github.com, "REST API endpoints for deployment environments" and "… for
deployment branch policies"), in one object; reviewers have names in place of ids:

    {"name": "prod", "deployment_branch_policies": [{"name": "main", "type": "branch"}],
     "reviewers": [{"type": "Team", "name": "platform"}], "prevent_self_review": true, "wait_timer": 30}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.errors import InvalidEnvironmentError
from actions.protection.difference import Difference
from actions.protection.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCHEMA = Path(__file__).with_name("environment.schema.json")
# Which refs an environment admits that has no policies of its own.
EVERY_REF = "every branch and git tag"
PROTECTED = "every protected branch"
# What makes a name a pattern (Ruby's File.fnmatch, which the API's description names).
PATTERN = re.compile(r"[*?\[\]{}\\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchPolicy:
    """A *name*, or a pattern of names, of branches or git tags (*type*) that an environment admits."""

    type: str
    name: str
    number: int = field(default=0, compare=False)

    @property
    def is_pattern(self) -> bool:
        """Tell whether more than one name can match."""
        return PATTERN.search(self.name) is not None

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewer:
    """A user or a team (*type*) that may approve a job of an environment."""

    type: str
    number: int
    name: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """An environment; *admits* says which refs may use it if it has no *policies* of its own.

    *given* are the optional keys that the file has. GitHub rejects each of them for private repositories below
    Enterprise, even with its default value ("Deployments and environments"), so no other key is sent.
    """

    name: str
    policies: tuple[BranchPolicy, ...]
    admits: str = ""
    reviewers: tuple[Reviewer, ...] = ()
    prevent_self_review: bool = False
    wait_timer: int = 0
    given: frozenset[str] = field(default=frozenset(), compare=False)
    source: Source = field(default=Source(), compare=False, repr=False)

    def is_named(self, name: str) -> bool:
        """Tell whether *name* is that of this environment; GitHub ignores the case."""
        return self.name.casefold() == name.casefold()

    def body(self) -> dict[str, Any]:
        """Return the environment as a request body of the API, without its policies, which have requests of their own.

        The request takes away what it does not mention.
        """
        optional = {
            "reviewers": [{"type": reviewer.type, "id": reviewer.number} for reviewer in self.reviewers],
            "prevent_self_review": self.prevent_self_review,
            "wait_timer": self.wait_timer,
        }
        policy = {"protected_branches": False, "custom_branch_policies": True}
        return {"deployment_branch_policy": policy} | {
            key: value for key, value in optional.items() if key in self.given
        }


def parse_environment(text: str, file: str) -> Environment:
    """Parse *text*, the content of *file*; raise InvalidEnvironmentError if it is invalid.

    The ids of reviewers are 0: names are not resolved here.
    """
    source = Source(file=file, text=text, kind=InvalidEnvironmentError)
    document = source.document("an environment")
    source.validate(json.loads(SCHEMA.read_text(encoding="utf-8")), document)
    return Environment(
        name=document["name"],
        policies=_policies(document["deployment_branch_policies"]),
        reviewers=tuple(Reviewer(number=0, **reviewer) for reviewer in document.get("reviewers", ())),
        prevent_self_review=document.get("prevent_self_review", False),
        wait_timer=document.get("wait_timer", 0),
        given=frozenset(document) & {"reviewers", "prevent_self_review", "wait_timer"},
        source=source,
    )


def read_environment(answer: Mapping[str, Any], policies: Sequence[Mapping[str, Any]]) -> Environment:
    """Read an environment from *answer*, one of the API, and the answers about its *policies*."""
    rules = {rule["type"]: rule for rule in answer.get("protection_rules") or ()}
    approval = rules.get("required_reviewers", {})
    refs = answer.get("deployment_branch_policy")
    return Environment(
        name=answer["name"],
        policies=_policies(policies),
        admits=EVERY_REF if refs is None else PROTECTED if refs["protected_branches"] else "",
        reviewers=tuple(_reviewer(entry) for entry in approval.get("reviewers") or ()),
        prevent_self_review=bool(approval.get("prevent_self_review")),
        wait_timer=rules.get("wait_timer", {}).get("wait_timer", 0),
    )


def differences(wanted: Environment, current: Environment) -> Iterator[Difference]:
    """Yield the differences of *current*, from GitHub, from *wanted*, from a file."""
    for what, file, github in (
        ("deployment_branch_policies", _refs(wanted), _refs(current)),
        ("reviewers", _shown(wanted.reviewers), _shown(current.reviewers)),
        ("prevent_self_review", wanted.prevent_self_review, current.prevent_self_review),
        ("wait_timer", wanted.wait_timer, current.wait_timer),
    ):
        same = set(wanted.reviewers) == set(current.reviewers) if what == "reviewers" else file == github
        if not same:
            yield Difference(
                thing="environment", name=wanted.name, kind="different", what=what, file=file, github=github
            )


def _policies(entries: Sequence[Mapping[str, Any]]) -> tuple[BranchPolicy, ...]:
    # A policy that was made before there were policies for git tags may have no type.
    return tuple(
        BranchPolicy(type=entry.get("type") or "branch", name=entry["name"], number=entry.get("id", 0))
        for entry in entries
    )


def _reviewer(entry: Mapping[str, Any]) -> Reviewer:
    account = entry["reviewer"]
    return Reviewer(type=entry["type"], number=account["id"], name=account.get("login") or account["slug"])


def _refs(environment: Environment) -> list[str]:
    return [environment.admits] if environment.admits else sorted({str(policy) for policy in environment.policies})


def _shown(reviewers: Sequence[Reviewer]) -> list[str]:
    return sorted(map(str, reviewers))
