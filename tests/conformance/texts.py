"""The words in which GitHub refuses, and what the product takes them for."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from actions.api.github_errors import partial_data, types_of
from actions.api.pulls import ENQUEUE
from actions.api.repository import COMMIT_ON_NEW_BRANCH, Repository
from actions.errors import (
    AccessError,
    ArchivedError,
    BaseMovedError,
    BranchInTheWayError,
    GitHubError,
    RenamedError,
    RuleNotMetError,
    UnavailableError,
)
from tests.conformance.assumptions import (
    NotTriedError,
    assumption,
    cause,
    needs,
    refusal,
    require,
    require_refusal,
    said,
)

if TYPE_CHECKING:
    from tests.conformance.ground import Ground

IN_THE_WAY = "microsoft/vscode-remote-repositories-github#122"


@assumption(
    "createCommitOnBranch refuses an outdated `expectedHeadOid`: STALE_DATA", source="modernisation-platform#11985"
)
def _stale(ground: Ground) -> None:
    scratch = ground.shared
    there = scratch.commit()

    error = refusal(lambda: scratch.commit({"other": "other"}, branch=there.name))

    require("STALE_DATA" in types_of(cause(error)), f"{types_of(cause(error))}: {said(error)}")
    require(isinstance(error, BaseMovedError), f"the product takes it for a {type(error).__name__}")


@assumption(
    "An answer with STALE_DATA still has the data of the mutations before it", source="modernisation-platform#11985"
)
def _partial(ground: Ground) -> None:
    scratch, branch = ground.shared, ground.fresh("partial")
    elsewhere = scratch.commit().head
    variables = {
        "branch": branch,
        "ref": {
            "repositoryId": scratch.start.repository_id,
            "name": f"refs/heads/{branch}",
            "oid": scratch.start.head,
        },
        "commit": {
            "branch": {"repositoryNameWithOwner": scratch.client.name, "branchName": branch},
            "expectedHeadOid": elsewhere,
            "message": {"headline": "Change"},
            "fileChanges": {"additions": []},
        },
    }
    error = refusal(lambda: scratch.client.graphql(COMMIT_ON_NEW_BRANCH, variables))

    data = partial_data(cause(error))
    require("STALE_DATA" in types_of(cause(error)), f"{types_of(cause(error))}: {said(error)}")
    require(data.get("createRef") is not None and data.get("createCommitOnBranch") is None, data)


@assumption("GraphQL cannot create branch `a` beside branch `a/b`: 'Ref cannot be created.'", source=IN_THE_WAY)
def _folder(ground: Ground) -> None:
    scratch, name = ground.shared, ground.fresh("folder")
    scratch.commit(branch=f"{name}/below")

    error = require_refusal(lambda: scratch.commit(branch=name), name, BranchInTheWayError)

    require("ref cannot be created" in said_by_github(error).lower(), said_by_github(error))


@assumption("REST cannot create branch `a/b` beside branch `a`: 422 'Reference update failed'", source=IN_THE_WAY)
def _within(ground: Ground) -> None:
    scratch, name = ground.shared, ground.fresh("folder")
    scratch.repository.create_branch(name, scratch.start.head)

    error = require_refusal(
        lambda: scratch.repository.create_branch(f"{name}/below", scratch.start.head),
        name,
        BranchInTheWayError,
        status=422,
    )

    require("reference update failed" in said_by_github(error).lower(), said_by_github(error))


def said_by_github(error: Exception) -> str:
    """Return GitHub's words behind an error that the product raises of its own."""
    return str(getattr(error.__cause__, "said", "")) or str(error)


@assumption("Deleting a missing branch: 422 'Reference does not exist'", source="recordings")
def _absent(ground: Ground) -> None:
    scratch, name = ground.shared, ground.fresh("absent")
    scratch.repository.delete_branch(name)  # which the product takes for done

    require_refusal(
        lambda: scratch.rest("DELETE", f"/git/refs/heads/{name}"), "reference does not exist", GitHubError, status=422
    )


@assumption("Deleting a branch against a rule: 422 'Repository rule violations found'", source="recordings")
def _protected(ground: Ground) -> None:
    scratch = ground.shared
    name = scratch.guarded({"type": "deletion"})

    require_refusal(lambda: scratch.repository.delete_branch(name), "rule violations", RuleNotMetError, status=422)


@assumption("Creating a branch that exists: 422 'Reference already exists'", source="recordings")
def _exists(ground: Ground) -> None:
    scratch = ground.shared
    name = scratch.guarded()
    body = {"ref": f"refs/heads/{name}", "sha": scratch.start.head}

    require_refusal(lambda: scratch.rest("POST", "/git/refs", body), "already exists", GitHubError, status=422)


@assumption(
    "Opening a second pull request from a branch: 'A pull request already exists for …'", source="hub4j recording"
)
def _second_pull(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())

    require_refusal(
        lambda: scratch.open_now(pull.base, pull.branch), "a pull request already exists for", BaseMovedError
    )


@assumption("Opening a pull request without commits: 'No commits between …'", source="odigos-io/odigos#3138")
def _no_commits(ground: Ground) -> None:
    scratch = ground.shared
    base, branch = scratch.guarded(), scratch.guarded()

    require_refusal(lambda: scratch.open_now(base, branch), "no commits between", BaseMovedError)


@assumption("Opening a pull request from a missing branch: 'Head sha can't be blank …'", source="cli/cli#10238")
def _invalid_head(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded()

    require_refusal(lambda: scratch.open_now(base, ground.fresh("absent")), "head sha can't be blank", BaseMovedError)


@assumption("Private repositories on the Free plan: 'Draft pull requests are not supported …'", source="SWE-agent#179")
def _draft(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded()
    try:
        scratch.open(base, draft=True)
    except GitHubError as error:
        require("draft pull requests are not supported" in error.said.lower(), error.said)
    else:
        raise NotTriedError("the organization's plan supports drafts")


@assumption("A mutation on a deleted object: 'Could not resolve to a node …'", source="recordings")
def _no_node(ground: Ground) -> None:
    gone = ground.make()
    pull = gone.open(gone.start.branch)
    gone.rest("DELETE", "", permission="administration: write")
    values = {"input": {"pullRequestId": pull.node_id}}

    require_refusal(
        lambda: ground.shared.client.graphql(ENQUEUE, values, fresh=True), "could not resolve to a", UnavailableError
    )


@assumption(
    "Requesting a review from the author: 422 'Review cannot be requested from pull request author.'",
    source="Madrapps/add-reviewers#5",
)
def _author(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())

    require_refusal(
        lambda: scratch.pulls.request_reviews(pull, users=[scratch.login], teams=[]),
        "review cannot be requested from pull request author",
        GitHubError,
        status=422,
    )


@assumption(
    "Requesting a review from a user without access: 422 'Reviews may only be requested from collaborators. …'",
    source="Dolibarr#32024",
)
def _no_collaborator(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())

    require_refusal(
        lambda: scratch.pulls.request_reviews(pull, users=["octocat"], teams=[]),
        "reviews may only be requested from collaborators",
        GitHubError,
        status=422,
    )


@assumption("An App comments on a locked pull request: 403 '… locked …'", source="renovate#6215")
def _locked(ground: Ground) -> None:
    scratch = ground.shared
    app = scratch.as_app()
    pull = scratch.open(scratch.guarded())
    scratch.rest("PUT", f"/issues/{pull.number}/lock", permission="issues: write")

    error = refusal(lambda: app.pulls.comment(pull.number, "Hello", replaces=0))

    require(cause(error).status == HTTPStatus.FORBIDDEN and "locked" in said(error).lower(), said(error))


@assumption(
    "A renamed repository: a GET is redirected (301), a POST is answered with 307, and GraphQL tells the new name",
    source="octokit/fixtures rename-repository; PyGithub Requester.py",
)
def _rename(ground: Ground) -> None:
    scratch = ground.make()
    name = f"{ground.made[-1]}-renamed"
    ground.made.append(name)
    scratch.rest("PATCH", "", {"name": name}, "administration: write")

    error = require_refusal(
        lambda: scratch.repository.create_branch("change", scratch.start.head), f"is called .*{name} now", RenamedError
    )
    first = error.__context__  # what the answer was taken for before GraphQL was asked for the new name
    require(getattr(first, "status", 0) == HTTPStatus.TEMPORARY_REDIRECT, f"a POST is answered with {first!r}")
    require(scratch.repository.default_branch() == scratch.start.branch, "a GET does not lead to it")


@assumption("Writing to an archived repository: 403 '… archived …'", source='docs, "Archiving repositories"')
def _archived(ground: Ground) -> None:
    scratch = ground.make()
    scratch.rest("PATCH", "", {"archived": True}, "administration: write")

    require_refusal(
        lambda: scratch.repository.create_branch("change", scratch.start.head), "archived", ArchivedError, status=403
    )


@assumption("REST and GraphQL find nothing for an unknown commit SHA", source="recordings")
def _unknown_commit(ground: Ground) -> None:
    scratch = ground.shared
    found = scratch.repository.files_at("f" * 40, ["README.md"])

    require(found is None, f"GraphQL has files at it: {found}")
    require_refusal(lambda: scratch.repository.resolve("f" * 40), "has no commit")


@assumption(
    "A fine-grained token without the permission: 403 'Resource not accessible by personal access token'",
    source='permissions, "Choosing permissions for a GitHub App"; recordings',
)
def _fine_grained(ground: Ground) -> None:
    scratch = ground.shared.as_fine_grained()

    require_refusal(
        lambda: scratch.rest("PATCH", "", {"has_wiki": False}, "administration: write"),
        "resource not accessible by personal access token",
        AccessError,
        status=403,
    )


@assumption(
    "An App without the permission: 403 'Resource not accessible by integration'",
    source='permissions, "Choosing permissions for a GitHub App"; recordings',
)
def _integration(ground: Ground) -> None:
    scratch = ground.shared.as_app()
    try:
        scratch.rest("PATCH", "", {"has_wiki": False}, "administration: write")
    except AccessError as error:
        require("resource not accessible by integration" in error.said.lower(), error.said)
    else:
        raise NotTriedError("the App has Administration: write")


@assumption("An invalid token: 401 'Bad credentials'", source="recordings")
def _bad_token(ground: Ground) -> None:
    client = replace(ground.shared.client, token="ghp_" + "0" * 36)

    require_refusal(Repository(client).default_branch, "bad credentials", AccessError, status=401)


needs(
    __name__,
    "An App needs Members: read to ask a team for a review",
    source="create-pull-request docs/concepts-guidelines.md",
    why="needs a team, and an App without that permission",
)
needs(
    __name__,
    "A timeout of GraphQL: 'Something went wrong while executing your query', or a 200 without data",
    source="octokit/plugin-retry.js#395; airbyte-connectors#1865",
    why="GitHub cannot be made to time out",
)
needs(
    __name__,
    "A token that is not authorized for single sign-on: 403 with 'SAML'",
    source='docs, "Authorizing a personal access token for use with single sign-on"',
    why="needs an organization with single sign-on",
)
