"""The REST API, as far as the sandbox has it. Every route is named by its template in GitHub's OpenAPI description."""

from sandbox.rest import (
    accounts,
    actions,
    administration,
    apps,
    checks,
    contents,
    deployments,
    environments,
    inventory,
    issue_list,
    issues,
    pulls,
    releases,
    repositories,
    rulesets,
    statuses,
)

__all__ = [
    "accounts",
    "actions",
    "administration",
    "apps",
    "checks",
    "contents",
    "deployments",
    "environments",
    "inventory",
    "issue_list",
    "issues",
    "pulls",
    "releases",
    "repositories",
    "rulesets",
    "statuses",
]
