"""Octokit's ordinary calls do on the sandbox what they do on github.com; the calls are in octokit.mjs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sandbox.scenarios import GitHub

SCRIPT = Path(__file__).with_name("octokit.mjs")
CHECKER = "checker[bot]"


def seen(github: GitHub, scenario: str, *, by: str = "alice") -> dict[str, Any]:
    """Return what Octokit saw in *scenario*; its tokens are of two people and an App."""
    github.sandbox.state.add_user(CHECKER, kind="Bot")
    github.world.app.members[CHECKER] = "write"
    app = github.sandbox.state.add_token(CHECKER, permissions={"checks": "write", "contents": "read"})
    tokens = {"SECOND_TOKEN": github.world.tokens["bob"], "APP_TOKEN": app}
    environment = {"PATH": os.environ["PATH"], **github.sandbox.environment(github.world.tokens[by]), **tokens}
    done = subprocess.run(
        ["node", str(SCRIPT), scenario], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_repositories(github: GitHub) -> None:
    answer = seen(github, "repositories")

    assert answer.pop("none").startswith("404 Branch not found")
    assert answer == {
        "repo": "your-org/app",
        "branches": ["main", "one"],
        "message": "Add a",
        "commits": 1,
        "same": True,
        "diff": True,
        "compared": ["ahead", "a", "added"],
    }


def test_contents(github: GitHub) -> None:
    answer = seen(github, "contents")

    assert answer.pop("stale").startswith("409 docs/a does not match")
    assert answer.pop("gone").startswith("404")
    assert answer == {
        "file": "docs/a",
        "raw": "docs/a",
        "folder": ["a", "b"],
        "changed": [200, "Change"],
        "removed": 200,
    }


def test_pulls(github: GitHub) -> None:
    answer = seen(github, "pulls")

    assert "A pull request already exists for your-org:one" in answer.pop("twice")
    assert answer.pop("blank").startswith("422")
    assert answer.pop("unmerged").startswith("404")
    assert answer == {
        "title": "Two",
        "asked": ["bob"],
        "reviewers": [],
        "labels": ["ready"],
        "files": ["a"],
        "commits": 1,
        "reviews": ["APPROVED"],
        "comments": ["Hello"],
        "issue": True,
        "diff": True,
        "merged": True,
        "checked": 204,
    }


def test_checks_statuses_and_deployments(github: GitHub) -> None:
    answer = seen(github, "checks")

    assert answer.pop("person").startswith("403 You must authenticate via a GitHub App")
    assert "`done` is not a possible value" in answer.pop("state")
    assert answer == {
        "combined": "success",
        "statuses": ["ci"],
        "runs": ["neutral"],
        "deployments": ["in_progress"],
    }
    assert ["'done' is not one of" in problem for problem in github.sandbox.violations] == [True]
    github.sandbox.violations.clear()


def test_rulesets(github: GitHub) -> None:
    """octokit/rest.js#331: a ruleset without conditions is taken; here it is about no branch."""
    answer = seen(github, "rulesets", by="olivia")

    assert answer.pop("gone").startswith("404")
    assert answer == {"read": ["disabled", "deletion"], "rules": 0, "names": ["main", "bare"]}


def test_lists_come_in_pages(github: GitHub) -> None:
    git = github.world.app.git
    sha = git.head("main") or ""
    for number in range(24):
        git.set_ref(f"refs/heads/b{number:02d}", sha)
    for _ in range(4):
        github.report("scan", "success", sha, github.world.app)

    answer = seen(github, "pages")

    rels = ["prev 1", "next 3", "last 3", "first 1"]
    assert answer == {"all": 25, "sizes": [10, 10, 5], "rels": rels, "runs": 5}


def test_graphql(github: GitHub) -> None:
    told = "NOT_FOUND Could not resolve to a PullRequest with the number of 999."

    assert seen(github, "graphql") == {"login": "alice", "name": "app", "branch": "main", "told": told}
