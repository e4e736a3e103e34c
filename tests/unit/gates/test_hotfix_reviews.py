"""What the gates cannot see of a hotfix. What they see is tested on the sandbox."""

from __future__ import annotations

import pytest

from actions.api.client import Client
from actions.api.comparison import Comparison
from actions.app.facts import Unknown
from actions.gates.hotfix_reviews import unreviewed_commits
from actions.gates.pull_reader import PullJudge
from actions.infra.config import Config


@pytest.mark.parametrize("beyond", [None, Comparison(status="ahead", total=251)], ids=["nothing", "not all"])
def test_commits_that_github_does_not_list_are_unknown(beyond: Comparison | None) -> None:
    client = Client("your-org/app", "x", {"GITHUB_API_URL": "http://127.0.0.1:1"})

    assert unreviewed_commits(client, PullJudge(Config(), None), beyond) == Unknown(
        "all commits that the hotfix adds to the default branch"
    )
