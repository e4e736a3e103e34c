"""The self-tests of the CI workflow, under act, in a sandbox that has this repository."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.act import Run, act_arguments, act_environment, write_secrets
from sandbox.server import Sandbox
from sandbox.state import Event, Repo
from sandbox.world import ORGANIZATION, copy_repository
from tests.support import ACTIONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
SELFTESTS = [job for job in WORKFLOW["jobs"] if job.startswith("selftest-")]


def test_every_action_has_a_self_test() -> None:
    assert sorted(job.removeprefix("selftest-") for job in SELFTESTS) == [a.removeprefix("action-") for a in ACTIONS]


def test_the_gate_waits_for_every_job() -> None:
    assert WORKFLOW["jobs"]["gate"]["needs"] == [job for job in WORKFLOW["jobs"] if job != "gate"]


@pytest.fixture(name="commit", scope="session")
def _commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that has this one as it is, as its one commit."""
    folder = copy_repository(tmp_path_factory.mktemp("here"))
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    for arguments in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "all"), ("gc", "-q")):
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture(name="here")
def _here(commit: Path) -> Iterator[tuple[Sandbox, Repo]]:
    with Sandbox.start() as sandbox:
        sandbox.state.add_user(ORGANIZATION, kind="Organization")
        sandbox.state.add_user("alice")
        repo = sandbox.state.add_repo(
            ORGANIZATION, "gitops-actions", {"alice": "admin", "github-actions[bot]": "write"}
        )
        subprocess.run(["git", "push", "-q", str(repo.git.path), "main"], cwd=commit, check=True)
        rules = json.loads((ROOT / ".github" / "rulesets" / "main.json").read_text(encoding="utf-8"))
        made = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
        repo.rulesets.append({"id": 1, **made, **rules, "bypass_actors": []})
        yield sandbox, repo
    assert sandbox.violations == []


@pytest.mark.thorough  # GitHub runs them too
@pytest.mark.parametrize("job", SELFTESTS)
def test_a_self_test_passes_under_act(
    here: tuple[Sandbox, Repo], tmp_path: Path, actions: Path, home: Path, job: str
) -> None:
    sandbox, repo = here
    sha = repo.git.head("main") or ""
    alice = sandbox.state.users["alice"]
    payload = sandbox.payloads.push(repo, alice, "refs/heads/main", None, sha)
    event = Event("push", repo, alice, payload, "refs/heads/main", sha)
    run = Run(number=1, event=event, path=".github/workflows/ci.yml", name="CI", log=tmp_path / "log")
    event_file = tmp_path / "event.json"
    event_file.write_text(json.dumps(payload))
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "-q", str(repo.git.path), str(checkout)], check=True)
    secrets = write_secrets(tmp_path, {"GITHUB_TOKEN": sandbox.state.add_token("github-actions[bot]", of_run=True)})

    done = subprocess.run(
        [
            *act_arguments(sandbox, run, event_file, secrets, {"your-org/gitops-actions@v1": actions}),
            *("-W", ".github/workflows/ci.yml", "-j", job, "-C", str(checkout)),
        ],
        env=act_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, "\n".join(re.findall(r'"msg":"(.*?)"[,}]', done.stdout))[-6000:]
    assert repo.git.refs("refs/heads/").keys() == {"refs/heads/main"}
