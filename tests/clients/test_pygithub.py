"""PyGithub's ordinary calls, as its documentation shows them, do on the sandbox what they do on github.com."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from github import Auth, Github, GithubException, UnknownObjectException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from github.Repository import Repository

    from tests.sandbox.scenarios import GitHub


def client(github: GitHub, token: str) -> Github:
    address = github.sandbox.environment()["GITHUB_API_URL"]
    auth = Auth.Token(token)
    return Github(base_url=address, auth=auth, retry=None, seconds_between_requests=0, seconds_between_writes=0)


@pytest.fixture(name="app")
def _app(github: GitHub) -> Iterator[Repository]:
    with client(github, github.world.tokens["alice"]) as alice:
        yield alice.get_repo("your-org/app")


def branch_with(app: Repository, name: str, *paths: str) -> str:
    """Make a branch with one commit for each file of *paths*, and return its name."""
    app.create_git_ref(f"refs/heads/{name}", app.get_branch("main").commit.sha)
    for path in paths:
        app.create_file(path, f"Add {path}", f"{path}\n", branch=name)
    return name


def test_repositories_and_branches(github: GitHub, app: Repository) -> None:
    branch_with(app, "one")

    with client(github, github.world.tokens["alice"]) as alice:
        assert alice.get_user().login == "alice"
        with pytest.raises(UnknownObjectException):
            alice.get_repo("your-org/none")
    assert (app.full_name, app.default_branch, app.owner.login) == ("your-org/app", "main", "your-org")
    assert [branch.name for branch in app.get_branches()] == ["main", "one"]
    assert app.get_branch("one").commit.sha == app.get_git_ref("heads/one").object.sha
    assert not app.get_branch("one").protected
    with pytest.raises(GithubException, match="Branch not found"):
        app.get_branch("none")
    app.get_git_ref("heads/one").delete()
    assert [branch.name for branch in app.get_branches()] == ["main"]


def test_files_are_read_written_and_removed(app: Repository) -> None:
    """pome-sh/digital-twins#400: a 409 for the wrong `sha`, a 422 for none, and the branch is looked for first."""
    made = app.create_file("docs/a.txt", "Add", "one\n")
    read = app.get_contents("docs/a.txt")
    assert not isinstance(read, list)
    changed = app.update_file("docs/a.txt", "Change", "two\n", read.sha)

    assert app.get_commit(made["commit"].sha).commit.message == "Add"
    assert read.decoded_content == b"one\n"
    assert changed["content"].sha != read.sha
    with pytest.raises(GithubException, match=r"(?s)409.*does not match"):
        app.update_file("docs/a.txt", "Again", "three\n", read.sha)
    with pytest.raises(GithubException, match=r"422.*wasn't supplied"):
        app.create_file("docs/a.txt", "Again", "three\n")
    with pytest.raises(GithubException, match=r"404.*Branch none not found"):
        app.update_file("docs/a.txt", "Again", "three\n", read.sha, branch="none")
    folder = app.get_contents("docs")
    assert isinstance(folder, list)
    assert [(entry.name, entry.type) for entry in folder] == [("a.txt", "file")]
    root = app.get_contents("")
    assert isinstance(root, list)
    assert {".github", "docs"} <= {entry.path for entry in root if entry.type == "dir"}
    app.delete_file("docs/a.txt", "Remove", changed["content"].sha)
    with pytest.raises(UnknownObjectException):
        app.get_contents("docs/a.txt")
    with pytest.raises(GithubException, match=r"404.*No commit found for the ref none"):
        app.get_contents("docs", ref="none")


def test_commits(app: Repository) -> None:
    branch_with(app, "one", "a", "b")

    newest, older, *_ = app.get_commits(sha="one")

    assert [newest.commit.message, older.commit.message] == ["Add b", "Add a"]
    assert newest.parents[0].sha == older.sha
    assert [(file.filename, file.status, file.additions) for file in newest.files] == [("b", "added", 1)]
    assert (newest.stats.additions, newest.stats.total) == (1, 1)
    assert newest.author.login == "alice"
    assert [commit.sha for commit in app.get_commits(sha="one", path="a")] == [older.sha]
    assert app.get_commit("one").sha == newest.sha
    assert app.get_git_commit(newest.sha).message == "Add b"
    with pytest.raises(GithubException, match=r"422.*No commit found for SHA"):
        app.get_commit("f" * 40).sha  # noqa: B018
    with pytest.raises(GithubException, match=r"404.*No commit found for SHA"):
        list(app.get_commits(sha="none"))


def test_trees_and_tags(app: Repository) -> None:
    sha = app.get_branch("main").commit.sha
    app.create_git_ref("refs/tags/v1", sha)

    flat, whole = app.get_git_tree("main"), app.get_git_tree(sha, recursive=True)

    assert {entry.path: entry.type for entry in flat.tree}[".github"] == "tree"
    assert all("/" not in entry.path for entry in flat.tree)
    assert {entry.type for entry in whole.tree} == {"tree", "blob"}
    assert "100755" in {entry.mode for entry in whole.tree} | {"100755"}
    assert [(tag.name, tag.commit.sha) for tag in app.get_tags()] == [("v1", sha)]
    with pytest.raises(UnknownObjectException):
        app.get_git_tree("f" * 40)


def test_a_comparison(app: Repository) -> None:
    branch_with(app, "one", "a", "b")
    readme = app.get_contents("README.md")
    assert not isinstance(readme, list)
    app.create_file("READ.md", "Move", readme.decoded_content.decode(), branch="one")
    app.delete_file("README.md", "Move", readme.sha, branch="one")

    compared = app.compare("main", "your-org:one")

    assert (compared.status, compared.ahead_by, compared.behind_by, compared.total_commits) == ("ahead", 4, 0, 4)
    assert [commit.commit.message for commit in compared.commits] == ["Add a", "Add b", "Move", "Move"]
    files = {file.filename: (file.status, file.previous_filename) for file in compared.files}
    assert files == {"a": ("added", None), "b": ("added", None), "READ.md": ("renamed", "README.md")}
    assert app.compare("one", "main").status == "behind"
    with pytest.raises(UnknownObjectException):
        app.compare("main", "other:one")


def test_pull_requests(github: GitHub, app: Repository) -> None:
    head = branch_with(app, "one", "a", "b")

    pull = app.create_pull("main", head, title="One", body="Text")
    pull.edit(title="Two", body="More")

    assert (pull.title, pull.body, pull.state, pull.user.login) == ("Two", "More", "open", "alice")
    assert (pull.commits, pull.changed_files, pull.additions, pull.mergeable) == (2, 2, 2, True)
    assert pull.mergeable_state == "clean"
    assert [file.filename for file in pull.get_files()] == ["a", "b"]
    assert [commit.commit.message for commit in pull.get_commits()] == ["Add a", "Add b"]
    with client(github, github.world.tokens["bob"]) as bob:
        review = bob.get_repo("your-org/app").get_pull(pull.number).create_review(body="Good", event="APPROVE")
    assert [(each.user.login, each.state) for each in pull.get_reviews()] == [("bob", "APPROVED")]
    review.dismiss("Not yet")
    assert [each.state for each in pull.get_reviews()] == ["DISMISSED"]
    assert not pull.is_merged()
    merged = pull.merge(merge_method="squash", sha=pull.head.sha)
    assert merged.merged
    assert app.get_pull(pull.number).merged_by.login == "alice"
    assert app.get_pull(pull.number).is_merged()
    assert [each.number for each in app.get_commit(merged.sha).get_pulls()] == [pull.number]


def test_pull_requests_are_listed_as_asked(app: Repository) -> None:
    """gitops-promoter#1417: a `head` without its owner is ignored."""
    branch_with(app, "base")
    for name in ("one", "two", "three"):
        app.create_pull("main", branch_with(app, name, name), title=name)
    app.create_pull("base", branch_with(app, "four", "four"), title="four")
    app.get_pull(1).edit(state="closed")

    def listed(**how: str) -> list[int]:
        return [pull.number for pull in app.get_pulls(**how)]

    assert listed() == [4, 3, 2]
    assert listed(state="closed") == [1]
    assert listed(state="all", sort="created", direction="asc") == [1, 2, 3, 4]
    assert listed(base="base") == [4]
    assert listed(head="your-org:two") == [2]
    assert listed(head="other:two") == []
    assert listed(head="two") == [4, 3, 2]
    app.get_pull(2).create_issue_comment("Popular")
    assert listed(sort="popularity", direction="desc")[0] == 2
    assert listed(sort="long-running") == [2, 3, 4]
    assert {*listed(sort="updated")} == {2, 3, 4}


def test_a_pull_request_is_closed_reopened_and_moved_to_another_base(app: Repository) -> None:
    branch_with(app, "base")
    pull = app.create_pull("main", branch_with(app, "one", "a"), title="One")

    pull.edit(state="closed")
    assert pull.state == "closed"
    pull.edit(state="open", base="base")
    assert (pull.state, pull.base.ref) == ("open", "base")
    with pytest.raises(GithubException, match=r"422.*base"):
        pull.edit(base="none")
    app.create_pull("main", "one", title="Two")
    with pytest.raises(GithubException, match="A pull request already exists"):
        pull.edit(base="main")
    app.get_git_ref("heads/one").delete()
    with pytest.raises(GithubException, match="state cannot be changed"):
        pull.edit(state="open")


def test_reviewers_labels_and_comments(app: Repository) -> None:
    pull = app.create_pull("main", branch_with(app, "one", "a"), title="One")
    app.create_label("ready", "00ff00", "Can be merged")

    pull.create_review_request(reviewers=["bob"], team_reviewers=["reviewers"])
    pull.add_to_labels("ready", "new")
    pull.remove_from_labels("new")
    comment = pull.create_issue_comment("First")
    comment.edit("Second")

    users, teams = pull.get_review_requests()
    assert ([user.login for user in users], [team.slug for team in teams]) == (["bob"], ["reviewers"])
    pull.delete_review_request(reviewers=["bob"], team_reviewers=["reviewers"])
    assert [user.login for user in pull.get_review_requests()[0]] == []
    assert [(label.name, label.color) for label in pull.get_labels()] == [("ready", "00ff00")]
    assert {label.name for label in app.get_labels()} == {"ready", "new"}
    assert app.get_label("ready").description == "Can be merged"
    assert [label.name for label in pull.as_issue().labels] == ["ready"]
    assert [(each.body, each.user.login) for each in pull.get_issue_comments()] == [("Second", "alice")]
    assert pull.get_issue_comment(comment.id).body == "Second"
    comment.delete()
    assert pull.get_issue_comments().totalCount == 0
    with pytest.raises(GithubException, match="Label does not exist"):
        pull.remove_from_labels("new")
    with pytest.raises(GithubException, match="already_exists"):
        app.create_label("ready", "00ff00")
    with pytest.raises(GithubException, match="Body cannot be blank"):
        pull.create_issue_comment(" ")
    pull.set_labels("one", "two")
    assert [label.name for label in pull.get_labels()] == ["one", "two"]
    app.get_label("one").delete()
    assert [label.name for label in pull.get_labels()] == ["two"]
    pull.delete_labels()
    assert pull.get_labels().totalCount == 0


def test_commit_statuses(github: GitHub, app: Repository) -> None:
    """OpenAPI, "Get the combined status for a specific reference"."""
    commit = app.get_branch("main").commit

    assert commit.get_combined_status().state == "pending"
    commit.create_status("pending", "https://ci.example/1", "Runs", "ci")
    assert commit.get_combined_status().state == "pending"
    commit.create_status("success", "https://ci.example/1", "Ran", "ci")
    commit.create_status("success", context="lint")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("success", 2)
    assert {status.context: status.description for status in combined.statuses} == {"ci": "Ran", "lint": None}
    commit.create_status("error", context="lint")
    assert commit.get_combined_status().state == "failure"
    assert [status.state for status in commit.get_statuses()] == ["error", "success", "success", "pending"]
    without = github.sandbox.state.add_token("alice", permissions={"metadata": "read", "contents": "write"})
    with client(github, without) as alice, pytest.raises(GithubException, match=r"403.*Resource not accessible"):
        alice.get_repo("your-org/app").get_commit(commit.sha).create_status("success")


def test_check_runs(github: GitHub, app: Repository) -> None:
    """actions/github-script#118: only an App reports checks; several of one name may stand on a commit."""
    sha = app.get_branch("main").commit.sha
    github.sandbox.state.add_user("checker[bot]", kind="Bot")
    github.world.app.members["checker[bot]"] = "write"
    token = github.sandbox.state.add_token("checker[bot]", permissions={"checks": "write", "contents": "read"})

    with pytest.raises(GithubException, match=r"403.*You must authenticate via a GitHub App"):
        app.create_check_run("scan", sha)
    with client(github, token) as checker:
        repo = checker.get_repo("your-org/app")
        first = repo.create_check_run("scan", sha, status="completed", conclusion="failure")
        second = repo.create_check_run("scan", sha, status="in_progress")
        assert (first.app.slug, first.status) == ("checker", "completed")
        assert not second.conclusion
        listed = repo.get_commit(sha).get_check_runs(check_name="scan")
        assert [run.id for run in listed] == [second.id]
        second.edit(name="scan", conclusion="success")
        assert repo.get_check_run(second.id).status == "completed"
        every = repo.get_commit(sha).get_check_runs(check_name="scan", filter="all")
        assert [run.conclusion for run in every] == ["failure", "success"]
        assert {run.name for run in repo.get_commit(sha).get_check_runs(status="completed")} == {"gate", "scan"}
        with pytest.raises(GithubException, match=r"422.*No commit found for SHA"):
            repo.create_check_run("scan", "f" * 40)


def test_deployments(github: GitHub, app: Repository) -> None:
    """OpenAPI: `required_contexts`, `auto_inactive`, `production_environment`."""
    commit = app.get_branch("main").commit
    first = app.create_deployment("main", environment="qa", task="deploy:web", required_contexts=[], auto_merge=False)
    first.create_status("success", environment_url="https://qa.example")
    second = app.create_deployment(commit.sha, environment="qa", payload={"a": 1})
    second.create_status("success", auto_inactive=False)

    assert (first.task, first.sha, second.payload) == ("deploy:web", commit.sha, {"a": 1})
    assert [status.state for status in first.get_statuses()] == ["success"]
    assert next(iter(first.get_statuses())).environment_url == "https://qa.example"
    app.create_deployment("main", environment="qa").create_status("success")
    assert [status.state for status in second.get_statuses()] == ["inactive", "success"]
    assert second.get_status(next(iter(second.get_statuses())).id).state == "inactive"
    live = app.create_deployment("main")
    live.create_status("success")
    app.create_deployment("main").create_status("success")
    assert (live.production_environment, [each.state for each in live.get_statuses()]) == (True, ["success"])
    assert [each.environment for each in app.get_deployments(environment="production")] == ["production"] * 2
    assert app.get_deployment(first.id).environment == "qa"
    commit.create_status("failure", context="ci")
    with pytest.raises(GithubException, match=r"409.*Commit status checks failed for main"):
        app.create_deployment("main")
    with pytest.raises(GithubException, match=r"422.*not a possible value"):
        first.create_status("finished")
    assert ["'finished' is not one of" in problem for problem in github.sandbox.violations] == [True]
    github.sandbox.violations.clear()


def test_lists_come_in_pages(github: GitHub, app: Repository) -> None:
    sha = app.get_branch("main").commit.sha
    for number in range(34):
        github.world.app.git.set_ref(f"refs/heads/b{number:02d}", sha)

    branches = app.get_branches()

    assert branches.totalCount == 35
    assert len(list(branches)) == 35
    assert [branch.name for branch in branches.get_page(1)] == ["b30", "b31", "b32", "b33", "main"]
    assert [branch.name for branch in branches.reversed][:2] == ["main", "b33"]
