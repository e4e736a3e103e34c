"""Who somebody is in REST and in GraphQL, and whose approval counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import AccessError, RuleNotMetError
from tests.conformance.assumptions import NotTriedError, assumption, cause, needs, refusal, require, require_refusal
from tests.conformance.ground import reviewed

if TYPE_CHECKING:
    from actions.api.pulls import Pull
    from tests.conformance.ground import Ground, Scratch

APP = "anthropics/claude-code-action#1516; release-drafter's recordings"
WORKFLOW = "on: workflow_dispatch\njobs:\n  nothing:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"
RECORDS = "chrnorm/deployment-action#68, #61"


def approve(scratch: Scratch, pull: Pull) -> None:
    """Approve *pull*."""
    scratch.rest("POST", f"/pulls/{pull.number}/reviews", {"event": "APPROVE"}, "pull requests: write")


@assumption(
    "An App that opens a pull request is `name[bot]` in REST and `name` in GraphQL, with the same id", source=APP
)
def _author(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.as_app().open(scratch.guarded())
    rest = scratch.pull(pull)["user"]
    fields = "author { login ... on User { databaseId } ... on Bot { databaseId } }"
    graphql = scratch.ask(f"pullRequest(number: {pull.number}) {{ {fields} }}")["pullRequest"]["author"]

    require(rest["login"] == f"{graphql['login']}[bot]", f"{rest['login']} and {graphql['login']}")
    require(rest["id"] == graphql["databaseId"], f"{rest['id']} and {graphql['databaseId']}")


@assumption("GraphQL calls an App that opens a pull request a Bot, and the product recognizes it", source=APP)
def _details(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.as_app().open(scratch.guarded())
    details = scratch.pulls.details(pull.number, "no comment")

    require(details.is_app, details)


@assumption("The author of an App's commit is `name[bot]` in REST and in GraphQL", source=APP)
def _commit(ground: Ground) -> None:
    scratch = ground.shared
    sha = scratch.as_app().commit().head
    rest = scratch.rest("GET", f"/commits/{sha}", permission="contents: read")["author"]["login"]
    fields = f'object(oid: "{sha}") {{ ... on Commit {{ author {{ user {{ login }} }} }} }}'
    graphql = scratch.ask(fields)["object"]["author"]["user"]["login"]

    require(rest.endswith("[bot]") and graphql == rest, f"{rest} and {graphql}")


@assumption(
    "An App's approval does not count towards the required approvals",
    source="loft-sh/vcluster-docs#1939; speakeasy-api/gram#4028; PostHog#70069",
)
def _app_approves(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(reviewed(1)))
    approve(scratch.as_app(), pull)

    require_refusal(lambda: scratch.merge(pull), "approving review is required", RuleNotMetError)


@assumption("The approval of another user with write access counts", source="docs")
def _person_approves(ground: Ground) -> None:
    scratch = ground.shared
    second = scratch.as_second()
    pull = scratch.open(scratch.guarded(reviewed(1)))
    approve(second, pull)

    scratch.merge_soon(pull)


@assumption("Users cannot approve their own pull requests: 422", source="docs")
def _own(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(reviewed(1)))

    error = refusal(lambda: approve(scratch, pull))

    require(cause(error).status == 422, f"GitHub answers {cause(error).status}")
    require("own pull request" in str(cause(error).data).lower(), cause(error).data)


@assumption("An App's deployment names the App in `creator` and in `performed_via_github_app`", source=RECORDS)
def _deployment(ground: Ground) -> None:
    scratch = ground.shared.as_app()
    body = {"ref": scratch.start.head, "environment": "app", "auto_merge": False, "required_contexts": []}
    made = scratch.rest("POST", "/deployments", body, "deployments: write")
    app = made.get("performed_via_github_app") or {}

    require(made["creator"]["login"].endswith("[bot]"), f"creator is {made['creator']['login']}")
    require(made["creator"]["login"] == f"{app.get('slug')}[bot]", f"performed_via_github_app is {app.get('slug')}")


@assumption(
    "An App without Workflows: write creates a branch at a commit with different workflows: 403",
    source="vercel/next.js#94596; mkb79/Audible#882",
)
def _workflows(ground: Ground) -> None:
    scratch = ground.shared
    app = scratch.as_app()
    sha = scratch.commit({".github/workflows/other.yml": WORKFLOW}).head
    try:
        app.repository.create_branch(ground.fresh("workflows"), sha)
    except AccessError as error:
        require("resource not accessible by integration" in error.said.lower(), error.said)
    else:
        raise NotTriedError("GitHub allowed it: the App may have Workflows: write")


needs(
    __name__,
    "Only jobs on a ref that the environment's branch policy allows get its secrets",
    source='docs, "Deployments and environments"',
    why="needs a secret in a workflow run",
)
needs(
    __name__,
    "`merge_group` runs have the ref gh-readonly-queue/…; a branch policy for the default branch blocks them",
    source="joshcannon.me, 3 July 2025",
    why="needs a merge queue with a required workflow, which takes longer than 15 minutes",
)
needs(
    __name__,
    "Private repositories have no environments on Free, and no required reviewers or wait timers on Team",
    source='docs, "Deployments and environments"',
    why="needs organizations on both plans",
)
needs(
    __name__,
    "`pull_request` runs of Dependabot and forks get no secrets",
    source="docs",
    why="needs a fork and Dependabot",
)
needs(
    __name__,
    "A run can be re-run for 30 days, up to 50 times, with the workflow of its commit",
    source='docs, "Re-running workflows and jobs"',
    why="needs 30 days",
)
