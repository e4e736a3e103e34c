"""Read commits with the pull requests that brought them: who wrote, tested and approved them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.check_reader import read_check
from actions.api.client import path_variables, query
from actions.evidence.facts import CheckRecord, Commit, Pull
from actions.evidence.timestamps import utc_text
from actions.gates import approval
from actions.gates.approval import login, read_authorship, read_reviews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client

PERMISSION = "contents: read, pull requests: read, checks: read (of an App, or of a classic token)"
TICKET = re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d+\b")
LOGIN = "{ login __typename }"
CHECKS = """statusCheckRollup { contexts(first: 100) { totalCount nodes { __typename
    ... on CheckRun { name status conclusion completedAt checkSuite { app { databaseId } } }
    ... on StatusContext { context state createdAt } } } }"""
# The cost of a query grows with the nodes it could return, so it asks for what most pull requests have. The rest of a
# larger one is asked for separately (docs.github.com, "Rate limits and query limits for the GraphQL API").
FRAGMENTS = f"""
fragment commit on Commit {{
    oid message committedDate author {{ name {approval.USER} }} signature {{ isValid }}
    associatedPullRequests(first: 3) {{ nodes {{ ...pull }} }} }}
fragment pull on PullRequest {{
    number url title body state createdAt mergedAt headRefName headRefOid baseRefName
    author {LOGIN} mergedBy {LOGIN} mergeCommit {{ oid }} labels(first: 50) {{ nodes {{ name }} }}
    closingIssuesReferences(first: 10) {{ nodes {{ url }} }}
    commits(first: 50) {{ {approval.COMMITS} }}
    tested: commits(last: 1) {{ nodes {{ commit {{ {CHECKS} }} }} }}
    reviews(last: 100) {{ {approval.REVIEWS} }} }}"""
MORE_COMMITS = query(
    variables={"number": "Int!", "cursor": "String"},
    fields=f"pullRequest(number: $number) {{ commits(first: 100, after: $cursor) {{ {approval.COMMITS} }} }}",
)


@dataclass(frozen=True)
class ReviewReader:
    """Read the commits of one repository, each with its pull requests."""

    client: Client

    def nodes(self, shas: Sequence[str], *, fields: str = "", paths: Sequence[str] = ()) -> list[dict[str, Any] | None]:
        """Return the commits *shas* as nodes of the fragment `commit` and *fields*, which may name files at *paths*.

        Their pull requests have all their commits.
        """
        variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(shas)}
        document = query(
            variables=dict.fromkeys(variables, "GitObjectID!"),
            paths=paths,
            fields=" ".join(
                f"{name}: object(oid: ${name}) {{ ... on Commit {{ ...commit {fields} }} }}" for name in variables
            ),
        )
        answer = self.client.repository(document + FRAGMENTS, variables | path_variables(paths), permission=PERMISSION)
        with self.client.parsing():
            nodes = [answer[name] for name in variables]
            for node in filter(None, nodes):
                for pull in node["associatedPullRequests"]["nodes"]:
                    self._read_on(pull["commits"], pull["number"])
            return nodes

    def commits(self, shas: Sequence[str]) -> dict[str, Commit]:
        """Return those of the commits *shas* that are there, each with the pull request that brought it."""
        nodes = self.nodes(shas)
        with self.client.parsing():
            return {node["oid"]: read_commit(node, "") for node in nodes if node}

    def _read_on(self, commits: dict[str, Any], number: int) -> None:
        while commits["pageInfo"]["hasNextPage"]:
            variables = {"number": number, "cursor": commits["pageInfo"]["endCursor"]}
            answer = self.client.repository(MORE_COMMITS, variables, permission=PERMISSION)
            page = answer["pullRequest"]["commits"]
            commits["nodes"] += page["nodes"]
            commits["pageInfo"] = page["pageInfo"]


def read_commit(node: Mapping[str, Any], base: str) -> Commit:
    """Return a commit with the merged pull request that brought it; to *base*, if that is given."""
    merged = [pull for pull in node["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
    fitting = [pull for pull in merged if base in ("", pull["baseRefName"])]
    exact = [pull for pull in fitting if (pull["mergeCommit"] or {}).get("oid") == node["oid"]]
    pull = next(iter([*exact, *fitting]), None)
    author = node["author"] or {}
    return Commit(
        sha=node["oid"],
        title=node["message"].partition("\n")[0],
        author=login(author.get("user")) or author.get("name") or "",
        at=utc_text(node["committedDate"]),
        verified=bool(node["signature"] and node["signature"]["isValid"]),
        pull=_read_pull(pull) if pull else None,
    )


def _read_pull(node: Mapping[str, Any]) -> Pull:
    authorship = read_authorship(node["commits"]["nodes"])
    tested = node["tested"]["nodes"][0]["commit"]["statusCheckRollup"] if node["tested"]["nodes"] else None
    issues = [issue["url"] for issue in node["closingIssuesReferences"]["nodes"]]
    return Pull(
        number=node["number"],
        url=node["url"],
        title=node["title"],
        author=login(node["author"]),
        by_bot=(node["author"] or {}).get("__typename") == "Bot",
        branch=node["headRefName"],
        base=node["baseRefName"],
        created_at=utc_text(node["createdAt"]),
        merged_at=utc_text(node["mergedAt"]),
        merged_by=login(node["mergedBy"]),
        head=node["headRefOid"],
        merge_commit=(node["mergeCommit"] or {}).get("oid", ""),
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        tickets=tuple(
            dict.fromkeys([*issues, *TICKET.findall(f"{node['title']}\n{node['headRefName']}\n{node['body']}")])
        ),
        writers=authorship.writers,
        unattributed_commits=authorship.unattributed_commits,
        requesters=authorship.requesters,
        reviews=read_reviews(node["reviews"]["nodes"]),
        checks=tuple(_read_check(check) for check in tested["contexts"]["nodes"]) if tested else (),
        complete=all(
            connection["totalCount"] <= len(connection["nodes"])
            for connection in (node["commits"], node["reviews"], *([tested["contexts"]] if tested else []))
        ),
    )


def _read_check(node: Mapping[str, Any]) -> CheckRecord:
    check = read_check(node)
    at = node.get("completedAt") or node.get("createdAt")
    return CheckRecord(name=check.name, app=check.app, conclusion=check.conclusion, at=utc_text(at))
