"""Which branches a commit was merged into, by what GitHub says of its pull requests."""

from __future__ import annotations

from typing import Any

import pytest

from actions.app.release import read_merged_into

SHA = "a" * 40


def pull(state: str = "MERGED", *, base: str = "main", merge: str | None = SHA) -> dict[str, Any]:
    return {"state": state, "baseRefName": base, "mergeCommit": {"oid": merge} if merge else None}


@pytest.mark.parametrize(
    ("pulls", "expected"),
    [
        pytest.param([pull()], ["main"], id="merged as this commit"),
        pytest.param([pull(base="hotfixes/x"), pull()], ["hotfixes/x", "main"], id="into two branches"),
        pytest.param([pull("OPEN")], [], id="open"),
        pytest.param([pull("CLOSED")], [], id="closed"),
        pytest.param([pull(merge="b" * 40)], [], id="merged as another commit, so this one is of its branch"),
        pytest.param([pull("CLOSED", merge=None)], [], id="never merged"),
        pytest.param([pull(merge=None)], [], id="merged as a commit that is gone"),
        pytest.param([], [], id="no pull request"),
    ],
)
def test_a_commit_was_merged_into_the_bases_of_its_pull_requests(
    pulls: list[dict[str, Any]], expected: list[str]
) -> None:
    assert list(read_merged_into({"oid": SHA, "associatedPullRequests": {"nodes": pulls}})) == expected
