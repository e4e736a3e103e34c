"""Read commits with the pull requests that brought them: authors, checks, reviews."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.check_reader import read_check
from actions.api.client import next_cursor, path_variables, query
from actions.evidence.facts import CheckRecord, CommitFacts, PullFacts
from actions.evidence.timestamps import utc_text
from actions.gates import approval, trailers
from actions.gates.approval import login, read_authorship, read_reviews
from actions.gates.origin import FREEZE_LABEL
from actions.gates.tickets import text_of, tickets_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.api.client import Client

PERMISSION = "contents: read, pull requests: read, checks: read, commit statuses: read (of an App or a classic token)"
LOGIN = "{ login __typename }"
CHECKS = """statusCheckRollup { contexts(first: 100) { totalCount nodes { __typename
    ... on CheckRun { databaseId name status conclusion completedAt checkSuite { app { databaseId } } }
    ... on StatusContext { context state createdAt } } } }"""
# GitHub counts what a query could return before it runs it. So it is asked in stages: the commits with the numbers of
# their pull requests, then the pull requests that brought them with what most have, then the rest of a larger one
# (docs.github.com, "Rate limits and query limits for the GraphQL API").
PULLS = "associatedPullRequests(first: 10) { nodes { number state baseRefName mergeCommit { oid } } }"
COMMIT = f"oid message committedDate author {{ name {approval.USER} }} signature {{ isValid }} {PULLS}"
FILES = "files(first: 100) { totalCount nodes { path changeType } }"
PULL = f"""fragment pull on PullRequest {{
    number url title body state createdAt mergedAt headRefName headRefOid baseRefName
    author {LOGIN} mergedBy {LOGIN} mergeCommit {{ oid }} labels(first: 50) {{ nodes {{ name }} }}
    {FILES}
    timelineItems(last: 20, itemTypes: [LABELED_EVENT]) {{ nodes {{
        ... on LabeledEvent {{ label {{ name }} actor {LOGIN} }} }} }}
    closingIssuesReferences(first: 10) {{ nodes {{ url }} }}
    commits(first: 20) {{ {approval.COMMITS} }}
    tested: commits(last: 1) {{ nodes {{ commit {{ {CHECKS} }} }} }}
    reviews(last: 100) {{ {approval.REVIEWS} }} }}"""
PULLS_PER_QUERY = 50
MORE_COMMITS = query(
    variables={"number": "Int!", "cursor": "String"},
    fields=f"pullRequest(number: $number) {{ commits(first: 100, after: $cursor) {{ {approval.COMMITS} }} }}",
)


@dataclass(frozen=True)
class ReviewReader:
    """Read commits of one repository with their pull requests; *tickets* are the patterns of their names.

    *brought* are the numbers of the pull requests that are known to have brought commits (0: none did).
    """

    client: Client
    tickets: tuple[str, ...]
    brought: Mapping[str, int] = field(default_factory=dict)

    def nodes(
        self, shas: Sequence[str], base: str, *, fields: str = "", paths: Sequence[str] = ()
    ) -> list[dict[str, Any] | None]:
        """Return the commits *shas* as nodes with *fields*, which may refer to *paths*.

        The key `pull` holds the pull request that brought the commit (into *base*, if given) with all its commits.
        """
        batches = in_batches(shas, PULLS_PER_QUERY, lambda batch: self._nodes(batch, base, fields, paths))
        return [node for _, nodes in batches for node in nodes]

    def _nodes(self, shas: Sequence[str], base: str, fields: str, paths: Sequence[str]) -> list[dict[str, Any] | None]:
        variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(shas)}
        numbers = [*dict.fromkeys(filter(None, (self.brought.get(sha) for sha in shas)))]
        known = {f"n{number}": number for number in numbers}
        document = query(
            variables=dict.fromkeys(variables, "GitObjectID!") | dict.fromkeys(known, "Int!"),
            paths=paths,
            fields=f"{_commit_fields(variables, fields)} {_pull_fields(known)}",
        )
        values = variables | known | path_variables(paths)
        answer = self.client.repository(document + (PULL if known else ""), values, permission=PERMISSION)
        with self.client.parsing():
            pulls = {number: self._whole(answer[name], number) for name, number in known.items()}
            return self.with_pulls([answer[name] for name in variables], base, pulls)

    def with_pulls(
        self, nodes: Sequence[dict[str, Any] | None], base: str, known: Mapping[int, Any]
    ) -> list[dict[str, Any] | None]:
        """Return *nodes* of COMMIT with the pull requests that brought them; see `nodes`. Those *known* were read."""
        numbers = {node["oid"]: pull_number(node, base) for node in nodes if node}
        pulls = dict(known)
        new = [number for number in dict.fromkeys(numbers.values()) if number and number not in pulls]
        for _, batch in in_batches(new, PULLS_PER_QUERY, self._pulls):
            pulls |= batch
        return [{**node, "pull": pulls.get(numbers[node["oid"]])} if node else None for node in nodes]

    def commits(self, shas: Sequence[str]) -> dict[str, CommitFacts]:
        """Return the existing commits of *shas*, with the pull request that brought each."""
        nodes = self.nodes(shas, "")
        with self.client.parsing():
            return {node["oid"]: read_commit(node, self.tickets) for node in nodes if node}

    def _pulls(self, numbers: Sequence[int]) -> dict[int, Any]:
        """Return the pull requests *numbers* with all their commits."""
        variables = {f"n{number}": number for number in numbers}
        document = query(variables=dict.fromkeys(variables, "Int!"), fields=_pull_fields(variables))
        answer = self.client.repository(document + PULL, variables, permission=PERMISSION)
        return {number: self._whole(answer[name], number) for name, number in variables.items()}

    def _whole(self, pull: Any, number: int) -> Any:
        """Return *pull* with the rest of its commits."""
        self._read_on(pull["commits"], number)
        return pull

    def _read_on(self, commits: dict[str, Any], number: int) -> None:
        cursor = next_cursor(commits["pageInfo"], None)
        while cursor:
            variables = {"number": number, "cursor": cursor}
            answer = self.client.repository(MORE_COMMITS, variables, permission=PERMISSION)
            page = answer["pullRequest"]["commits"]
            commits["nodes"] += page["nodes"]
            cursor = next_cursor(page["pageInfo"], cursor)


def _commit_fields(names: Iterable[str], fields: str) -> str:
    return " ".join(f"{name}: object(oid: ${name}) {{ ... on Commit {{ {COMMIT} {fields} }} }}" for name in names)


def _pull_fields(names: Iterable[str]) -> str:
    return " ".join(f" {name}: pullRequest(number: ${name}) {{ ...pull }}" for name in names)


def pull_number(node: Mapping[str, Any], base: str) -> int:
    """Return the number of the merged pull request that brought a commit (into *base*, if given), 0 if none did."""
    merged = [pull for pull in node["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
    fitting = [pull for pull in merged if base in ("", pull["baseRefName"])]
    exact = [pull for pull in fitting if (pull["mergeCommit"] or {}).get("oid") == node["oid"]]
    return next((int(pull["number"]) for pull in (*exact, *fitting)), 0)


def read_commit(node: Mapping[str, Any], tickets: Sequence[str]) -> CommitFacts:
    """Read a commit from a node of `ReviewReader.nodes`, with the *tickets* that its pull request names."""
    author = node["author"] or {}
    return CommitFacts(
        sha=node["oid"],
        title=node["message"].partition("\n")[0],
        author=login(author.get("user")) or author.get("name") or "",
        at=utc_text(node["committedDate"]),
        verified=bool(node["signature"] and node["signature"]["isValid"]),
        pull=_read_pull(node["pull"], tickets) if node["pull"] else None,
    )


def _read_pull(node: Mapping[str, Any], tickets: Sequence[str]) -> PullFacts:
    authorship = read_authorship(node["commits"]["nodes"])
    tested = node["tested"]["nodes"][0]["commit"]["statusCheckRollup"] if node["tested"]["nodes"] else None
    messages = "\n\n".join(commit["commit"]["message"] for commit in node["commits"]["nodes"])
    in_commits = trailers.read(messages)
    own = f"{node['title']}\n{node['headRefName']}\n{messages}"
    issues = [issue["url"] for issue in node["closingIssuesReferences"]["nodes"]]
    return PullFacts(
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
        tickets=tuple(dict.fromkeys([*issues, *tickets_in(text_of(node), tickets)])),
        own_tickets=tuple(dict.fromkeys(tickets_in(own, tickets))),
        writers=authorship.writers,
        commits=authorship.commits,
        requesters=authorship.requesters,
        freeze_override=in_commits.freeze_override,
        freeze_label_by=_labeler(node, FREEZE_LABEL),
        reviews=read_reviews(node["reviews"]["nodes"]),
        checks=tuple(_read_check(check) for check in tested["contexts"]["nodes"]) if tested else (),
        complete=all(
            connection["totalCount"] <= len(connection["nodes"])
            for connection in (node["commits"], node["reviews"], *([tested["contexts"]] if tested else []))
        ),
    )


def _labeler(node: Mapping[str, Any], name: str) -> str:
    """Return who added the label *name* last, "" if it is not there."""
    if name not in [label["name"] for label in node["labels"]["nodes"]]:
        return ""
    events = [event for event in node["timelineItems"]["nodes"] if event and event["label"]["name"] == name]
    return login(events[-1]["actor"]) if events else ""


def _read_check(node: Mapping[str, Any]) -> CheckRecord:
    check = read_check(node)
    at = node.get("completedAt") or node.get("createdAt")
    return CheckRecord(name=check.name, app=check.app, conclusion=check.conclusion, at=utc_text(at), run=check.run)
