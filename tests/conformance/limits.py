"""How much may be asked, and how long a text may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.github_errors import types_of
from actions.errors import GitHubError
from tests.conformance.assumptions import assumption, cause, needs, refusal, require, require_refusal, said

if TYPE_CHECKING:
    from tests.conformance.ground import Ground

DOCS = 'docs, "Rate limits and query limits for the GraphQL API"'
LONGEST_BODY = 65_536
LONGEST_LABEL = 50
MOST_FILES = 300


@assumption("GraphQL refuses a query for more than 500,000 nodes: MAX_NODE_LIMIT_EXCEEDED", source=f"{DOCS}; pullp#108")
def _nodes(ground: Ground) -> None:
    many = "pullRequests(first: 100) { nodes { commits(first: 100) { nodes { commit { %s } } } } }"
    error = refusal(lambda: ground.shared.ask(many % "parents(first: 100) { nodes { oid } }"))

    require("MAX_NODE_LIMIT_EXCEEDED" in types_of(cause(error)), f"{types_of(cause(error))}: {said(error)}")


@assumption(
    "GraphQL counts the nodes of a query before it runs: each `first` multiplies by those above it", source=DOCS
)
def _counted(ground: Ground) -> None:
    document = """query($owner: String!, $name: String!) { rateLimit { nodeCount }
        repository(owner: $owner, name: $name) { pullRequests(first: 50) { nodes { labels(first: 20) { nodes { name }
        } } } } }"""
    counted = ground.shared.client.graphql(document, {})["rateLimit"]

    require(counted is None or counted["nodeCount"] == 50 + 50 * 20, f"nodeCount is {counted}")


@assumption("A query costs a point for every hundred requests behind its connections", source=DOCS)
def _points(ground: Ground) -> None:
    document = """query($owner: String!, $name: String!) { rateLimit { cost }
        repository(owner: $owner, name: $name) { pullRequests(first: 100) { nodes {
        labels(first: 10) { nodes { name } } comments(first: 10) { nodes { databaseId } }
        reviews(first: 10) { nodes { state } } } } } }"""
    counted = ground.shared.client.graphql(document, {})["rateLimit"]

    require(counted is None or counted["cost"] == 3, f"cost is {counted}, and 301 requests were counted")


@assumption("A user has at least 5,000 points an hour", source=DOCS)
def _person(ground: Ground) -> None:
    limit = ground.shared.client.graphql("query { rateLimit { limit } }", {})["rateLimit"]

    require(limit is None or limit["limit"] >= 5000, f"limit is {limit}")


@assumption("An App installation has at least 5,000 points an hour", source=DOCS)
def _app(ground: Ground) -> None:
    limit = ground.shared.as_app().client.graphql("query { rateLimit { limit } }", {})["rateLimit"]

    require(limit is None or limit["limit"] >= 5000, f"limit is {limit}")


@assumption("GraphQL refuses a page of more than 100 records: EXCESSIVE_PAGINATION", source="docs")
def _page(ground: Ground) -> None:
    error = refusal(lambda: ground.shared.ask("labels(first: 101) { nodes { name } }"))

    require("EXCESSIVE_PAGINATION" in types_of(cause(error)), f"{types_of(cause(error))}: {said(error)}")


@assumption("A comparison lists at most 300 files", source="docs")
def _files(ground: Ground) -> None:
    scratch = ground.shared
    many = scratch.commit({f"files/{number:03}": str(number) for number in range(MOST_FILES + 1)})
    compared = scratch.repository.compare(scratch.start.head, many.head)

    require(compared and len(compared.files) == MOST_FILES, f"{compared and len(compared.files)} files")


@assumption("The body of a pull request is limited to 65,536 characters", source="renovate#2032, #14551")
def _body(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())
    scratch.pulls.update(pull, title="Change", body="x" * LONGEST_BODY)

    require_refusal(
        lambda: scratch.pulls.update(pull, title="Change", body="x" * (LONGEST_BODY + 1)),
        r"body is too long \(maximum is 65536 characters\)",
        GitHubError,
        status=422,
    )


@assumption("A comment is limited to 65,536 characters", source="release-please#1034")
def _comment(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())

    require_refusal(
        lambda: scratch.pulls.comment(pull.number, "x" * (LONGEST_BODY + 1), replaces=0),
        r"body is too long \(maximum is 65536 characters\)",
        GitHubError,
        status=422,
    )


@assumption("The name of a label is limited to 50 characters", source="renovate#31091")
def _label(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())
    scratch.pulls.add_labels(pull, ["x" * LONGEST_LABEL])

    error = refusal(lambda: scratch.pulls.add_labels(pull, ["x" * (LONGEST_LABEL + 1)]))

    require(isinstance(error, GitHubError) and error.status == 422, said(error))


needs(
    __name__,
    "A comparison pages its commits by 250",
    source="docs",
    why="creating 251 commits would exceed the secondary rate limit",
)
needs(__name__, "GITHUB_TOKEN has 1,000 points an hour", source=DOCS, why="needs the token of a workflow run")
needs(
    __name__,
    "GitHub drops job outputs that contain a masked secret, and annotations after the tenth of a type in a step",
    source="docs; actions/runner JobExtension.cs, ExecutionContext.cs",
    why="needs the log of a workflow run",
)
needs(
    __name__,
    "GraphQL reports rate limits in a 200: RATE_LIMIT, RATE_LIMITED or 'secondary rate limit'",
    source="githubkit#271; renovate's specs; hub4j recordings",
    why="would exceed the 1,000 points of a run",
)
