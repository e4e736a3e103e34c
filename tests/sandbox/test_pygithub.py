"""PyGithub without its classes: little is imported, the package is still complete, and no token is logged."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from actions.api.client import Client
from tests.sandbox.scenarios import GitHub
from tests.support import ROOT


def python(code: str) -> list[str]:
    """Return what a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_an_action_imports_the_requester_alone() -> None:
    code = "import actions.open_infra_pr, sys; print(*(name for name in sys.modules if name.startswith('github')))"

    modules = ("", ".Consts", ".GithubException", ".GithubObject", ".Requester")
    assert sorted(python(code)) == [f"github{name}" for name in modules]


@pytest.mark.parametrize("first", ["import actions.api.client", "import github; import actions.api.client"])
def test_pygithub_is_complete_for_those_who_ask_for_more(first: str) -> None:
    code = f"{first}; from github import Auth, Github, GithubException; import actions.api.pygithub as ours, github"
    code += "; print(Github(auth=Auth.Token('x')).requester.__class__ is ours.Requester, github.__name__)"
    code += "; print(GithubException is ours.GithubException, hasattr(github, '__path__'), hasattr(github, '__no__'))"

    assert python(code) == ["True", "github", "True", "True", "False"]


def test_the_token_is_sent_and_not_logged(github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    client = Client("your-org/infra", github.bot, github.sandbox.environment())

    with caplog.at_level(logging.DEBUG, logger="github"):
        answer = client.rest("GET", "", permission="metadata: read")

    assert answer["full_name"] == "your-org/infra"
    assert "token (removed)" in caplog.text
    assert github.bot not in caplog.text
