"""Rules as GitHub has them, and the ruleset of the article, as it was exported."""

from __future__ import annotations

from typing import Any


def rule(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": parameters} if parameters else {"type": kind}


def check(name: str, app: int | None = 15368) -> dict[str, Any]:
    checks = [{"context": name} | ({"integration_id": app} if app else {})]
    return rule("required_status_checks", required_status_checks=checks, strict_required_status_checks_policy=False)


ARTICLE: dict[str, Any] = {
    "id": 702950,
    "name": "Default",
    "target": "branch",
    "source_type": "Repository",
    "source": "cicd-excellence/app",
    "enforcement": "active",
    "conditions": {"ref_name": {"exclude": [], "include": ["~DEFAULT_BRANCH"]}},
    "rules": [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {"type": "creation"},
        {"type": "required_linear_history"},
        rule(
            "pull_request",
            required_approving_review_count=1,
            dismiss_stale_reviews_on_push=False,
            require_code_owner_review=False,
            require_last_push_approval=False,
            required_review_thread_resolution=False,
        ),
        check("api / api"),
    ],
    "bypass_actors": [],
}

# A ruleset of an organization.
ORGANIZATION = {
    "name": "everywhere",
    "target": "branch",
    "enforcement": "active",
    "conditions": {
        "ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []},
        "repository_name": {"include": ["~ALL"], "exclude": []},
    },
    "bypass_actors": [{"actor_type": "OrganizationAdmin", "bypass_mode": "pull_request"}],
    "rules": [{"type": "deletion"}],
}
