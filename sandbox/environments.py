"""Environments of a repository: which refs they admit, who has to approve, which secrets they hand to a job.

docs.github.com, "Deployments and environments" and "Managing environments for deployment".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox.patterns import ruleset_matches
from sandbox.state import branch_of, timestamp

if TYPE_CHECKING:
    from sandbox.state import Repo


@dataclass(eq=False, slots=True)
class Policy:
    """A name pattern of branches, or of git tags, that may deploy to an environment."""

    id: int
    name: str
    type: Literal["branch", "tag"] = "branch"


@dataclass(eq=False, slots=True)
class Environment:
    """An environment; with *policies* None every ref may deploy to it. *reviewers* are pairs of kind and id."""

    id: int
    name: str
    policies: list[Policy] | None = None
    protected_branches: bool = False
    reviewers: list[tuple[str, int]] = field(default_factory=list)
    prevent_self_review: bool = False
    wait: int = 0
    secrets: dict[str, str] = field(default_factory=dict)
    created: str = field(default_factory=timestamp)
    updated: str = field(default_factory=timestamp)

    def admits(self, ref: str) -> bool:
        """Tell whether a job of *ref* may use this environment; `*` does not match a slash."""
        if self.policies is None:
            return True
        kind, name = ("branch", branch_of(ref)) if branch_of(ref) else ("tag", ref.removeprefix("refs/tags/"))
        if not branch_of(ref) and not ref.startswith("refs/tags/"):
            kind, name = "branch", ref  # refs/pull/N/merge is admitted by a pattern for it alone
        return any(policy.type == kind and ruleset_matches(policy.name, name) for policy in self.policies)

    def refusal(self, ref: str) -> str:
        """Return what GitHub says of a job whose *ref* is not admitted (no-human-ai/no_human#531)."""
        shown = branch_of(ref) or ref
        return f'Branch "{shown}" is not allowed to deploy to {self.name} due to environment protection rules.'

    def body(self) -> dict[str, Any]:
        """Return the environment as the API has it, but for its addresses."""
        rules: list[dict[str, Any]] = []
        if self.wait:
            rules.append({"id": self.id * 10 + 1, "type": "wait_timer", "wait_timer": self.wait})
        if self.reviewers:
            rules.append({"id": self.id * 10 + 2, "type": "required_reviewers"})
        if self.policies is not None or self.protected_branches:
            rules.append({"id": self.id * 10 + 3, "type": "branch_policy"})
        custom = self.policies is not None
        return {
            "id": self.id,
            "name": self.name,
            "created_at": self.created,
            "updated_at": self.updated,
            "protection_rules": [{"node_id": f"GA_{rule['id']}", **rule} for rule in rules],
            "deployment_branch_policy": (
                {"protected_branches": self.protected_branches, "custom_branch_policies": custom}
                if custom or self.protected_branches
                else None
            ),
        }


def environment(repo: Repo, name: str) -> Environment | None:
    """Return the environment of *repo* that is called *name*, whose case does not matter."""
    return repo.environments.get(name.casefold())


def add_environment(repo: Repo, number: int, name: str, *, branches: list[Policy] | None = None) -> Environment:
    """Add an environment to *repo*, which *branches* alone may use."""
    repo.environments[name.casefold()] = Environment(number, name, branches)
    return repo.environments[name.casefold()]
