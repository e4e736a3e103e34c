"""Find environments that more refs may use than the default branch, which is the only one that holds reviewed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.protection.lint import LintProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actions.protection.environment import BranchPolicy, Environment

# These hold the keys of the two Apps: whoever reads one is the App.
KEYS = ("gitops-bot", "gitops-guard")


def lint_environments(environments: Sequence[Environment], default_branch: str) -> Iterator[LintProblem]:
    """Yield the problems of *environments*: fatal for those with the keys of the Apps, warnings for others."""
    for environment in environments:
        for policy in environment.policies:
            too_wide = _width(policy, default_branch)
            if too_wide:
                yield LintProblem(
                    subject=environment,
                    message=f"policy '{policy.name}' admits {too_wide}, so whoever can push there can read the secrets"
                    f" of {environment.name}; admit {default_branch or 'the default branch'} alone",
                    at=f'"{policy.name}"',
                    fatal=any(environment.is_named(key) for key in KEYS),
                )


def _width(policy: BranchPolicy, default_branch: str) -> str:
    """Return what *policy* admits beside the default branch, "" if nothing or if there is no default branch yet."""
    if policy.type == "tag":
        return "git tags"
    if policy.is_pattern:
        return "more than one branch"
    return "" if policy.name == (default_branch or policy.name) else "another branch than the default branch"
