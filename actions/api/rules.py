"""The rules of a branch, as far as they say how a pull request may be merged into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_METHODS = ("squash", "merge", "rebase")
# Rules that a merge of a pull request, from a branch that is there, cannot break.
HARMLESS = frozenset({"CREATION", "DELETION", "NON_FAST_FORWARD", "MERGE_QUEUE", "REQUIRED_STATUS_CHECKS"})
# Rules that this class speaks for.
KNOWN = HARMLESS | {"PULL_REQUEST", "REQUIRED_LINEAR_HISTORY", "REQUIRED_SIGNATURES", "WORKFLOWS"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchRules:
    """What has to be met before a merge: *approvals*, *workflows* that must succeed, and *others* that we do not know.

    *methods* are the ways to merge that no rule forbids, the preferred one first.
    """

    approvals: int
    last_push_approval: bool
    workflows: bool
    methods: tuple[str, ...]
    others: tuple[str, ...]


def read_rules(ref: Mapping[str, Any]) -> BranchRules:
    """Return the rules of a branch, rulesets and older branch protection alike, from a GraphQL answer."""
    rules = ref["rules"]["nodes"]
    types = {rule["type"] for rule in rules}
    parameters = [rule["parameters"] or {} for rule in rules]
    protection = ref["refUpdateRule"] or {}
    counts = [rule.get("requiredApprovingReviewCount") or 0 for rule in parameters]
    allowed = [rule["allowedMergeMethods"] for rule in parameters if rule.get("allowedMergeMethods")]
    return BranchRules(
        approvals=max([*map(int, counts), int(protection.get("requiredApprovingReviewCount") or 0)]),
        last_push_approval=any(rule.get("requireLastPushApproval") for rule in parameters),
        workflows="WORKFLOWS" in types,
        methods=tuple(
            method
            for method in ALL_METHODS
            if all(method.upper() in methods for methods in allowed)
            and not (method == "merge" and "REQUIRED_LINEAR_HISTORY" in types)
            and not (method == "rebase" and "REQUIRED_SIGNATURES" in types)  # GitHub does not sign rebased commits
        ),
        others=tuple(sorted(type_.lower() for type_ in types - KNOWN)),
    )
