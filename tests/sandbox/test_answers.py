"""What the sandbox lets pass is what GitHub lets pass; what it refuses, it refuses as GitHub does."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.client import ApiError, Person

if TYPE_CHECKING:
    from sandbox.state import Event, Repo
    from tests.sandbox.scenarios import GitHub

APP = "/repos/your-org/app"


def request(
    github: GitHub, verb: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, str]:
    """Return status, body and Link of an answer to alice, whatever she sends."""
    url = f"{github.sandbox.url}{path}"
    given = {"Authorization": f"Bearer {github.world.tokens['alice']}", **(headers or {})}
    try:
        with urllib.request.urlopen(  # noqa: S310
            urllib.request.Request(url, body, given, method=verb)  # noqa: S310
        ) as response:
            return response.status, response.read(), response.headers.get("Link", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), ""


def said(github: GitHub, verb: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    status, content, _ = request(github, verb, f"/api/v3{path}", body)
    return status, json.loads(content)["message"]


def test_what_is_no_git_client_is_told_so(github: GitHub) -> None:
    assert request(github, "GET", "/your-org/app/info/refs")[0] == 403
    for value in ("x", "eA"):
        headers = {"Authorization": f"Basic {value}"}
        assert request(github, "GET", f"/api/v3{APP}", None, headers)[0] == 401


def test_what_has_not_changed_is_not_sent_again(github: GitHub) -> None:
    url, token = f"{github.sandbox.url}/api/v3{APP}", f"Bearer {github.world.tokens['alice']}"
    with urllib.request.urlopen(urllib.request.Request(url, None, {"Authorization": token})) as first:  # noqa: S310
        headers = first.headers
    assert int(headers["x-ratelimit-remaining"]) < int(headers["x-ratelimit-limit"])
    assert headers["x-github-request-id"]

    conditional = {"If-None-Match": headers["ETag"]}
    assert request(github, "GET", f"/api/v3{APP}", None, conditional)[0] == 304
    github.world.app.allow_auto_merge = not github.world.app.allow_auto_merge
    assert request(github, "GET", f"/api/v3{APP}", None, conditional)[0] == 200


def branch(github: GitHub, repo: Repo, name: str, files: dict[str, str | None], *, base: str = "main") -> str:
    contents = {path: None if text is None else text.encode() for path, text in files.items()}
    author = github.sandbox.state.users["alice"].person
    sha = repo.git.commit(parents=[repo.git.head(base) or ""], message=name, author=author, files=contents)
    repo.git.set_ref(f"refs/heads/{name}", sha)
    return sha


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "message"),
    [
        pytest.param("POST", "/git/refs", b"{", 400, "Problems parsing JSON", id="no JSON"),
        pytest.param("POST", "/git/refs", b"[]", 400, "Body should be a JSON object", id="a list"),
        pytest.param(
            "POST", "/git/refs", None, 422, "Invalid request.\n\nFor 'links/0/schema', nil is not an object.",
            id="nothing",
        ),
        pytest.param(
            "POST", "/pulls", b"{}", 422, 'Invalid request.\n\n"head", "base" weren\'t supplied.', id="two lack"
        ),
        pytest.param(
            "POST", "/git/refs", b'{"ref": "refs/heads/x"}', 422, 'Invalid request.\n\n"sha" wasn\'t supplied.',
            id="one lacks",
        ),
        pytest.param(
            "POST", "/deployments", b'{"ref": null}', 422,
            "Invalid request.\n\nFor 'properties/ref', nil is not a string.", id="null",
        ),
        pytest.param("POST", "/pulls", b'{"head": "x", "base": "main"}', 422, "Validation Failed", id="no title"),
        pytest.param("GET", "/pulls?state=merged", None, 422,
                     "Invalid request.\n\nInvalid property /state: `merged` is not a possible value. Must be one of the"
                     " following: open, closed, all.", id="no state"),
        pytest.param("GET", "/pulls?per_page=abc", None, 422,
                     'Invalid request.\n\nFor \'properties/per_page\', "abc" is not an integer.', id="no number"),
        pytest.param("GET", "/pulls/abc", None, 404, "Not Found", id="no number of a pull request"),
        pytest.param("GET", "/compare/main", None, 404, "Not Found", id="one commit to compare"),
        pytest.param("GET", "/commits/none", None, 422, "No commit found for SHA: none", id="no commit"),
        pytest.param("GET", "/git/ref/heads/main/x", None, 404, "Not Found", id="below a branch"),
        pytest.param("GET", "/git/ref/heads/a%20b", None, 404, "Not Found", id="no name of a ref"),
        pytest.param("POST", "/git/refs", b'{"ref": "x", "sha": ""}', 422,
                     "Reference name must contain at least three slash-separated components.", id="short name"),
        pytest.param("POST", "/git/refs", b'{"ref": "a/b/c", "sha": ""}', 422, "a/b/c is not a valid ref name.",
                     id="not under refs"),
        pytest.param("POST", "/git/refs", b'{"ref": "refs/heads/x", "sha": "abcdef1"}', 422,
                     "The sha parameter must be exactly 40 characters and contain only [0-9a-f].", id="short SHA"),
        pytest.param("PATCH", "/git/refs/heads/none", b'{"sha": "%s"}' % (b"f" * 40), 422,
                     "Reference does not exist", id="no ref"),
        pytest.param("GET", "/git/blobs/abc", None, 422,
                     "The sha parameter must be exactly 40 characters and contain only [0-9a-f].", id="short blob"),
        pytest.param("GET", f"/git/trees/{'z' * 40}", None, 404, "Not Found", id="no SHA of a tree"),
        pytest.param("PUT", "/contents/a", b'{"message": "x", "content": "a"}', 422, "content is not valid Base64",
                     id="not in Base64"),
        pytest.param("POST", f"/statuses/{'f' * 40}", b'{"state": "success"}', 422,
                     f"No commit found for SHA: {'f' * 40}", id="a status of no commit"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_the_words_of_github(
    github: GitHub, verb: str, path: str, body: bytes | None, status: int, message: str
) -> None:
    github.world.app.rulesets.clear()

    assert said(github, verb, f"{APP}{path}", body) == (status, message)
    github.sandbox.violations.clear()


@pytest.mark.parametrize(
    ("ruleset", "message"),
    [
        pytest.param(
            {"rules": [{"type": "nonsense"}]}, "Invalid property /rules/0: data matches no possible", id="rule"
        ),
        pytest.param({"enforcement": "on"}, "Invalid property /enforcement: `on` is not a possible value", id="value"),
    ],
)
def test_a_ruleset_that_github_does_not_know_is_refused(github: GitHub, ruleset: dict[str, Any], message: str) -> None:
    """terraform-provider-github#1909, apache/lucenenet#1321."""
    body = {"name": "x", "enforcement": "active", **ruleset}

    with pytest.raises(ApiError, match=message):
        github.person("olivia").api("POST", f"{APP}/rulesets", body)
    github.sandbox.violations.clear()


def test_a_ruleset_without_conditions_is_about_nothing(github: GitHub) -> None:
    olivia = github.person("olivia")
    body = {"name": "x", "enforcement": "active", "rules": [{"type": "creation"}]}

    olivia.api("POST", f"{APP}/rulesets", body)
    org = {"name": "y", "enforcement": "active", "rules": [{"type": "creation"}]}
    olivia.api("POST", "/orgs/your-org/rulesets", org)

    sha = github.world.app.git.head("main")
    olivia.api("POST", f"{APP}/git/refs", {"ref": "refs/heads/new", "sha": sha})
    with pytest.raises(ApiError, match="422: Validation Failed"):
        olivia.api("POST", f"{APP}/rulesets", body)


def test_a_comparison_lists_the_newest_250_commits(github: GitHub) -> None:
    """OpenAPI, "Compare two commits"."""
    git, alice = github.world.app.git, github.person("alice")
    base = git.head("main") or ""
    shas = [base]
    for number in range(260):
        files = {f"file-{number}": b"x"} if number < 2 else {}
        author = github.sandbox.state.users["alice"].person
        shas.append(git.commit(parents=[shas[-1]], message=str(number), author=author, files=files))

    def commits(query: str = "") -> tuple[list[str], int]:
        answer = alice.api("GET", f"{APP}/compare/{base}...{shas[-1]}{query}")
        assert answer["total_commits"] == 260
        return [commit["commit"]["message"] for commit in answer["commits"]], len(answer["files"])

    assert commits() == ([str(number) for number in range(10, 260)], 2)
    assert commits("?per_page=100") == ([str(number) for number in range(100)], 2)
    assert commits("?per_page=100&page=3") == ([str(number) for number in range(200, 260)], 0)
    assert len(commits("?page=1")[0]) == 30


def test_pages_have_links_to_the_others(github: GitHub) -> None:
    """docs.github.com, "Using pagination in the REST API"."""
    git = github.world.app.git
    for name in ("a b", "c", "d"):
        git.set_ref(f"refs/heads/{name.replace(' ', '-')}", git.head("main") or "")

    def rels(query: str) -> list[str]:
        link = request(github, "GET", f"/api/v3{APP}/branches{query}")[2]
        return [part.partition('rel="')[2].rstrip('"') for part in link.split(", ")] if link else []

    assert rels("") == []
    assert rels("?per_page=2") == ["next", "last"]
    assert rels("?per_page=2&page=2") == ["prev", "first"]
    assert rels("?per_page=0&page=0") == []
    assert json.loads(request(github, "GET", f"/api/v3{APP}/branches?per_page=2&page=9")[1]) == []
    activity = json.loads(request(github, "GET", f"/api/v3{APP}/activity?after=x")[1])
    assert activity == json.loads(request(github, "GET", f"/api/v3{APP}/activity")[1])


def test_media_types(github: GitHub) -> None:
    git = github.world.app.git
    root = git.history(git.head("main") or "")[-1]

    def raw(path: str, kind: str) -> bytes:
        return request(github, "GET", f"/api/v3{APP}{path}", None, {"Accept": f"application/vnd.github.v3.{kind}"})[1]

    branch(github, github.world.app, "x", {"x": "text\n"})
    assert raw("/commits/main", "sha").decode() == git.head("main")
    assert raw(f"/commits/{root}", "diff") == b""
    assert b"+text" in raw("/compare/main...x", "diff")


def test_links_trees_and_annotated_tags(github: GitHub, tmp_path: Path) -> None:
    alice = github.person("alice")
    clone = alice.clone("your-org/app", tmp_path / "app")
    (clone / "link").symlink_to("README.md")
    (clone / "run.sh").write_text("true\n")
    (clone / "run.sh").chmod(0o755)
    alice.git("switch", "-qc", "x", at=clone)
    alice.git("add", "-A", at=clone)
    alice.git("commit", "-qm", "x", at=clone)
    alice.git("tag", "-am", "one", "v1", at=clone)
    alice.git("push", "-q", "origin", "x", "v1", at=clone)

    tree = alice.api("GET", f"{APP}/git/trees/x")
    link = alice.api("GET", f"{APP}/contents/link?ref=x")
    tag = alice.api("GET", f"{APP}/git/ref/tags/v1")["object"]

    modes = {entry["path"]: (entry["mode"], entry["type"]) for entry in tree["tree"]}
    assert (modes["link"], modes["run.sh"], modes["src"][1] if "src" in modes else "tree") == (
        ("120000", "blob"), ("100755", "blob"), "tree",
    )  # fmt: skip
    assert (link["type"], link["target"]) == ("symlink", "README.md")
    assert tag["type"] == "tag"
    assert tag["sha"] != alice.api("GET", f"{APP}/commits/v1")["sha"]


def pushed(alice: Person, clone: Path, *arguments: str) -> str:
    with pytest.raises(ApiError) as refused:
        alice.git("push", *arguments, "origin", "HEAD:refs/heads/free", "HEAD:main", at=clone)
    return str(refused.value)


def test_a_push_moves_what_it_may_and_an_atomic_one_nothing(github: GitHub, tmp_path: Path) -> None:
    """git-push(1), `--atomic`; that the others move otherwise: concourse/git-resource#150."""
    git, alice = github.world.app.git, github.person("alice")
    clone = alice.clone("your-org/app", tmp_path / "app")
    alice.git("commit", "-q", "--allow-empty", "-m", "x", at=clone)
    before = git.refs("refs/heads/")

    text = pushed(alice, clone, "--atomic")
    assert "push declined due to repository rule violations" in text
    assert "atomic push failure" in text
    assert git.refs("refs/heads/") == before
    assert "[new branch]" in pushed(alice, clone)
    assert git.refs("refs/heads/") == {**before, "refs/heads/free": git.head("free")}
    alice.git("push", "-q", "--atomic", "origin", "HEAD:refs/heads/one", ":free", at=clone)
    assert git.head("one") is not None
    assert git.head("free") is None


def test_what_happens_to_a_pull_request_starts_workflows(github: GitHub) -> None:
    """docs.github.com, "Webhook events and payloads", `pull_request`."""
    events: list[Event] = []
    repo, alice = github.world.infra, github.person("alice")
    branch(github, repo, "x", {"x": "1"})
    number = alice.open_pull("your-org/infra", head="x", title="One")
    github.sandbox.state.listeners.append(events.append)
    pull, issue = f"/repos/your-org/infra/pulls/{number}", f"/repos/your-org/infra/issues/{number}"

    alice.api("PATCH", pull, {"title": "Two", "body": ""})
    alice.api("POST", f"{issue}/labels", {"labels": ["ready", {"name": "new"}, "ready"]})
    alice.api("DELETE", f"{issue}/labels/new")
    asked = {"reviewers": ["bob"], "team_reviewers": ["reviewers"]}
    alice.api("POST", f"{pull}/requested_reviewers", asked)
    alice.api("POST", f"{pull}/requested_reviewers", asked)
    alice.api("PATCH", pull, {"state": "closed"})
    alice.api("PATCH", pull, {"state": "open"})

    target = [event for event in events if event.name == "pull_request_target"]
    events = [event for event in events if event.name == "pull_request"]
    told = [(event.payload["action"], event.payload.get("label", {}).get("name")) for event in events]
    assert [event.payload for event in target] == [event.payload for event in events]
    assert {(event.ref, event.sha) for event in target} == {("refs/heads/main", repo.git.head("main"))}
    assert told == [
        ("edited", None), ("labeled", "ready"), ("labeled", "new"), ("unlabeled", "new"), ("review_requested", None),
        ("review_requested", None), ("closed", None), ("reopened", None),
    ]  # fmt: skip
    assert events[0].payload["changes"] == {"title": {"from": "One"}}
    assert {event.ref for event in events} == {f"refs/pull/{number}/merge"}
    assert repo.git.refs("refs/pull/")[f"refs/pull/{number}/head"] == repo.git.head("x")


def test_who_asks_for_changes_stops_the_merge(github: GitHub) -> None:
    """docs.github.com, "About pull request reviews"."""
    repo, alice, bob = github.world.infra, github.person("alice"), github.person("bob")
    sha = branch(github, repo, "x", {"x": "1"})
    number = alice.open_pull("your-org/infra", head="x", title="One")
    github.report("test", "success", sha)
    path = f"/repos/your-org/infra/pulls/{number}"

    def decision() -> str | None:
        query = f'{{repository(owner:"your-org",name:"infra"){{pullRequest(number:{number}){{reviewDecision}}}}}}'
        answer = alice.graphql(query, {})
        found: str | None = answer["data"]["repository"]["pullRequest"]["reviewDecision"]
        return found

    assert decision() == "REVIEW_REQUIRED"
    bob.approve("your-org/infra", number)
    bob.api("POST", f"{path}/reviews")
    assert [review["state"] for review in bob.api("GET", f"{path}/reviews")] == ["APPROVED", "PENDING"]
    assert [review["state"] for review in alice.api("GET", f"{path}/reviews")] == ["APPROVED"]
    assert decision() == "APPROVED"
    bob.api("POST", f"{path}/reviews", {"event": "REQUEST_CHANGES", "body": "No"})
    assert decision() == "CHANGES_REQUESTED"
    github.person("olivia").approve("your-org/infra", number)
    with pytest.raises(ApiError, match="Changes were requested"):
        alice.merge("your-org/infra", number)
    comment = bob.api("POST", f"{path}/reviews", {"event": "COMMENT", "body": "Hm"})
    with pytest.raises(ApiError, match="422"):
        alice.api("PUT", f"{path}/reviews/{comment['id']}/dismissals", {"message": "x"})
    repo.rulesets.clear()
    assert decision() is None


def test_a_context_has_a_thousand_statuses_at_most(github: GitHub) -> None:
    """OpenAPI, "Create a commit status"."""
    repo, alice = github.world.app, github.person("alice")
    path = f"{APP}/statuses/{repo.git.head('main')}"
    alice.api("POST", path, {"state": "success"})
    repo.statuses *= 1000

    with pytest.raises(ApiError, match="422: Validation Failed"):
        alice.api("POST", path, {"state": "success"})


def test_runs_are_filtered_by_what_they_came_to(github: GitHub) -> None:
    repo, alice = github.world.app, github.person("alice")
    sha = repo.git.head("main") or ""
    github.report("red", "failure", sha, repo)
    github.report("runs", None, sha, repo)
    repo.runs.append(type(repo.runs[0])(7, "x.yml", "schedule", repo.runs[0].actor, sha))

    def paths(query: str) -> list[str]:
        runs = alice.api("GET", f"{APP}/actions/runs?{query}")["workflow_runs"]
        return [run["path"].rpartition("/")[2].removesuffix(".yml") for run in runs]

    assert paths("") == ["x", "runs", "red", "gate"]
    assert paths("status=completed") == ["red", "gate"]
    assert paths("status=success") == ["gate"]
    assert paths("status=in_progress") == ["runs"]
    assert paths("event=schedule&status=queued") == ["x"]
    assert paths("branch=none") == paths("actor=alice") == []


def graphql(github: GitHub, query: str, **variables: object) -> Any:
    return github.person("alice").graphql(query, variables)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        pytest.param("", "MISSING_PAGINATION_BOUNDARIES", id="neither"),
        pytest.param("(first: null)", "MISSING_PAGINATION_BOUNDARIES", id="null"),
        pytest.param("(first: 1, last: 1)", "INVALID_PAGINATION_BOUNDARIES", id="both"),
        pytest.param("(first: 0)", "EXCESSIVE_PAGINATION", id="none"),
        pytest.param("(last: 101)", "EXCESSIVE_PAGINATION", id="too many"),
    ],
)
def test_a_connection_is_asked_for_1_to_100_nodes(github: GitHub, arguments: str, kind: str) -> None:
    """github/docs, "Using pagination in the GraphQL API"."""
    query = f'{{repository(owner: "your-org", name: "app") {{pullRequests{arguments} {{nodes {{id}}}}}}}}'

    assert graphql(github, query)["errors"][0]["type"] == kind
    github.sandbox.violations.clear()


def test_a_connection_is_walked_both_ways(github: GitHub) -> None:
    for number in range(3):
        branch(github, github.world.app, f"b{number}", {"x": str(number)})
        github.person("alice").open_pull("your-org/app", head=f"b{number}", title=str(number))
    query = """query ($first: Int, $last: Int, $after: String, $before: String) {
      repository(owner: "your-org", name: "app") {
        pullRequests(ARGUMENTS) {
          edges { cursor node { title } }
          pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
      }
    }"""

    def page(arguments: str, **variables: object) -> Any:
        declared = [f"${name}: {'Int' if name in ('first', 'last') else 'String'}" for name in variables]
        head, _, rest = query.partition("{")
        text = f"query ({', '.join(declared)}) {{{rest}".replace("ARGUMENTS", arguments)
        assert head
        answer = graphql(github, text, **variables)
        if "errors" in answer:
            return answer["errors"][0]["type"]
        found = answer["data"]["repository"]["pullRequests"]
        return [edge["node"]["title"] for edge in found["edges"]], list(found["pageInfo"].values())

    assert page("first: $first", first=2) == (["0", "1"], [True, False, "1", "2"])
    assert page("first: $first, after: $after", first=2, after="2") == (["2"], [False, False, "3", "3"])
    assert page("last: $last", last=2) == (["1", "2"], [False, True, "2", "3"])
    assert page("last: $last, before: $before", last=2, before="2") == (["0"], [False, False, "1", "1"])
    assert page("first: $first, after: $after", first=2, after="3") == ([], [False, False, None, None])
    assert page("first: $first, after: $after", first=2, after="x") == "INVALID_CURSOR_ARGUMENTS"


def test_one_of_several_operations_is_run_and_counted(github: GitHub) -> None:
    many = 'repository(owner: "o", name: "r") {pullRequests(first: 100) {nodes {commits(first: 100) {nodes {id}}}}}'
    body = {"query": f"query a {{viewer {{login}}}} query b {{{many}}}", "operationName": "a"}

    status, answer, _ = request(github, "POST", "/api/graphql", json.dumps(body).encode())

    assert (status, json.loads(answer)) == (200, {"data": {"viewer": {"login": "alice"}}})
    assert github.sandbox.exchanges[-1].points == 1


def test_a_call_of_graphql_needs_a_query(github: GitHub) -> None:
    for body in (b"{}", b"[]", b'{"query": 1}', b'{"query": ""}'):
        status, answer, _ = request(github, "POST", "/api/graphql", body)
        message = "A query attribute must be specified and must be a string."
        assert (status, json.loads(answer)) == (400, {"errors": [{"message": message}]})
    assert request(github, "POST", "/api/graphql", b"{")[0] == 400


def test_a_file_that_moved_is_one_file_by_its_new_name(github: GitHub) -> None:
    repo = github.world.infra
    content = repo.git.file(repo.git.head("main") or "", "envs/prod.json") or (0, b"")
    branch(github, repo, "x", {"envs/prod.json": None, "envs/live.json": content[1].decode(), "README.md": None})
    number = github.person("alice").open_pull("your-org/infra", head="x", title="x")
    query = f"""{{repository(owner: "your-org", name: "infra") {{pullRequest(number: {number}) {{
      files(first: 5) {{nodes {{path changeType additions deletions}}}}}}}}}}"""

    files = graphql(github, query)["data"]["repository"]["pullRequest"]["files"]["nodes"]

    assert [(file["path"], file["changeType"]) for file in files] == [
        ("README.md", "DELETED"),
        ("envs/live.json", "RENAMED"),
    ]


def test_a_pull_request_that_is_not_there_is_not_found(github: GitHub) -> None:
    repo = github.world.app
    mutation = "mutation ($id: ID!) {enqueuePullRequest(input: {pullRequestId: $id}) {clientMutationId}}"

    for number in ("9", "x"):
        answer = graphql(github, mutation, id=f"PR_{repo.id}_{number}")
        assert answer["errors"][0]["type"] == "NOT_FOUND"


def test_updates_of_refs_are_made_together_or_not_at_all(github: GitHub) -> None:
    repo = github.world.app
    sha = branch(github, repo, "x", {"x": "1"})
    updates = [
        {"name": "refs/heads/x", "afterOid": repo.git.head("main")},
        {"name": "refs/heads/main", "afterOid": sha},
    ]
    mutation = "mutation ($input: UpdateRefsInput!) {updateRefs(input: $input) {clientMutationId}}"

    answer = graphql(github, mutation, input={"repositoryId": f"R_{repo.id}", "refUpdates": updates})

    assert "Repository rule violations found" in answer["errors"][0]["message"]
    assert repo.git.head("x") == sha
