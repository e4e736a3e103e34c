"""Which branch released a commit, and that nothing is asked of GitHub that is known."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from actions.api.client import Client
from actions.api.repository import Repository
from actions.app.release import Release, ReleaseBranches, ReleasedBy, find_release, merged_into
from tests.sandbox.scenarios import GitHub

COMPARE, REFS = "GET /repos/{owner}/{repo}/compare/{basehead}", "GET /repos/{owner}/{repo}/git/matching-refs/{ref}"
MAIN, NONE = ReleasedBy(kind=Release.DEFAULT_BRANCH, branch="main"), ReleasedBy(kind=Release.NONE)


def hotfix(branch: str) -> ReleasedBy:
    return ReleasedBy(kind=Release.HOTFIX, branch=branch)


@dataclass(frozen=True)
class Case:
    """A commit on a branch, and what is known of it beforehand."""

    branch: str
    bases: tuple[str, ...] = ()
    newest: bool = False


@pytest.mark.parametrize(
    ("case", "expected", "asked"),
    [
        pytest.param(Case("feature", newest=True), MAIN, [], id="among the newest commits"),
        pytest.param(Case("feature", ("main",)), MAIN, [], id="merged into the default branch"),
        pytest.param(Case("feature", ("hotfixes/x", "main")), MAIN, [], id="merged into both"),
        pytest.param(Case("main"), MAIN, [COMPARE], id="on the default branch, further back"),
        pytest.param(Case("feature", ("hotfixes/x",)), hotfix("hotfixes/x"), [COMPARE], id="merged into a hotfix"),
        pytest.param(Case("hotfixes/b"), hotfix("hotfixes/b"), [COMPARE, REFS, COMPARE, COMPARE], id="on a hotfix"),
        pytest.param(Case("feature", ("other",)), NONE, [COMPARE, REFS, COMPARE], id="on another branch"),
        pytest.param(Case("hotfixes/b/c"), NONE, [COMPARE, REFS, COMPARE], id="below a hotfix branch"),
    ],
)
def test_a_commit_is_released_by_the_branch_that_has_it(
    github: GitHub, case: Case, expected: ReleasedBy, asked: list[str]
) -> None:
    start = github.world.app.git.head("main") or ""
    github.app_commit("fix", branch="hotfixes/a", parent=start)
    sha = github.app_commit("change", branch=case.branch, parent=start)
    repository = Repository(Client("your-org/app", github.bot, github.sandbox.environment()))
    newest = [sha] if case.newest else [start]
    head = github.world.app.git.head("main") or ""
    branches = ReleaseBranches(default_branch="main", head=head, hotfix_prefix="hotfixes/", newest=newest)
    github.operations()

    assert find_release(repository, sha, branches, merged_into=case.bases) == expected
    assert github.operations() == asked


def test_a_commit_was_merged_into_the_bases_of_its_pull_requests(github: GitHub) -> None:
    github.world.app.rulesets.clear()
    github.app_commit("fix", branch="fix")
    alice = github.person("alice")
    sha = alice.merge("your-org/app", alice.open_pull("your-org/app", head="fix", title="fix"))
    repository = Repository(Client("your-org/app", github.bot, github.sandbox.environment()))

    assert (merged_into(repository, sha), merged_into(repository, "f" * 40)) == (("main",), ())


def test_a_commit_that_does_not_exist_was_not_released(github: GitHub) -> None:
    github.app_commit("fix", branch="hotfixes/a")
    repository = Repository(Client("your-org/app", github.bot, github.sandbox.environment()))
    head = github.world.app.git.head("main") or ""
    branches = ReleaseBranches(default_branch="main", head=head, hotfix_prefix="hotfixes/")

    assert find_release(repository, "f" * 40, branches, merged_into=()) == NONE
