"""What rulesets hold back, and who sees what of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import RuleNotMetError
from tests.conformance.assumptions import assumption, needs, require, require_refusal
from tests.conformance.ground import reviewed

if TYPE_CHECKING:
    from tests.conformance.ground import Ground

RULES = 'docs, "Available rules for rulesets"'


@assumption("`require_code_owner_review` has no effect if no approval is required", source="rjwalters/loom#4607")
def _code_owners(ground: Ground) -> None:
    scratch = ground.shared
    owners = {".github/CODEOWNERS": f"* @{scratch.login}\n", "owned": "x"}
    base = scratch.guarded()
    scratch.merge_soon(scratch.open(base, owners))
    scratch.ruleset(f"refs/heads/{base}", reviewed(0, code_owners=True))

    pull = scratch.open(base)

    scratch.merge_soon(pull)


@assumption("Rulesets apply to an organization owner who is not a bypass actor", source='docs, "About rulesets"')
def _owner(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded(reviewed(0))
    body = {"sha": scratch.commit().head, "force": True}

    require_refusal(
        lambda: scratch.rest("PATCH", f"/git/refs/heads/{base}", body),
        "changes must be made through a pull request",
        RuleNotMetError,
    )


@assumption("The rule `creation` blocks the creation of a branch", source=RULES)
def _creation(ground: Ground) -> None:
    scratch, name = ground.shared, ground.fresh("restricted")
    scratch.ruleset(f"refs/heads/{name}", {"type": "creation"})

    require_refusal(
        lambda: scratch.repository.create_branch(name, scratch.start.head), "rule violations", RuleNotMetError
    )


@assumption("The rule `required_linear_history` blocks merge commits", source=RULES)
def _linear(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded({"type": "required_linear_history"})
    pull = scratch.open(base)

    require_refusal(lambda: scratch.merge(pull, "merge"), "must not contain merge commits", RuleNotMetError)
    rules = scratch.repository.base(base, []).rules
    require("merge" not in rules.methods, f"the product would merge by {rules.methods}")


@assumption("GraphQL shows the rules of a branch and their parameters", source="GraphQL schema")
def _read(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded(reviewed(1), {"type": "required_signatures"})
    rules = scratch.repository.base(base, []).rules

    require(rules.approvals == 1, rules)
    require("rebase" not in rules.methods, rules)


@assumption("GitHub hides the bypass actors of a ruleset from users who cannot change it", source="OpenAPI description")
def _bypass(ground: Ground) -> None:
    scratch = ground.shared
    number = scratch.ruleset("refs/heads/nowhere", {"type": "deletion"})
    seen = scratch.as_second().rest("GET", f"/rulesets/{number}", permission="metadata: read")

    require("bypass_actors" not in seen, f"bypass_actors is {seen.get('bypass_actors')}")


@assumption("The history of a ruleset lists its versions, newest first", source="OpenAPI description")
def _history(ground: Ground) -> None:
    scratch = ground.shared
    number = scratch.ruleset("refs/heads/nowhere", {"type": "deletion"})
    scratch.rest("PUT", f"/rulesets/{number}", {"enforcement": "disabled"}, "administration: write")

    versions = scratch.rest("GET", f"/rulesets/{number}/history", permission="administration: write")

    numbers = [version["version_id"] for version in versions]
    require(len(numbers) == 2, f"{len(numbers)} versions")
    require(numbers == sorted(numbers, reverse=True), numbers)


needs(
    __name__,
    "`required_reviewers` applies even if no approval is required",
    source="google/go-github#3806",
    why="needs a team with access to the scratch repository",
)
