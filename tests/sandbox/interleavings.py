"""Two runs of open-infra-pr at once, with their calls in a given order: nothing lost, backwards or twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.errors import ActionError
from actions.open_infra_pr import AttemptState, _attempt
from actions.pull_request.settings import Settings
from actions.pull_request.side_work import SideWork
from actions.runner.clock import Clock
from actions.runner.inputs import Inputs
from sandbox.faults import Turns
from sandbox.server import Sandbox
from sandbox.world import BOT, World, build, release, without_gates
from tests.support import declaration

if TYPE_CHECKING:
    import pytest

INFRA = "your-org/infra"
CALLS = 8  # of a direct merge; what a run needs more of, because the other was faster, it makes when it likes
VERSIONS = ["1.0.0", "1.1.0", "1.2.0"]


@dataclass(frozen=True, slots=True)
class Writer:
    """One run: the service and the tag that it is to bring to dev."""

    service: str
    tag: str


PAIRS = {
    "two services": (Writer("api", "1.1.0"), Writer("web", "1.1.0")),
    "an older and a newer tag": (Writer("api", "1.1.0"), Writer("api", "1.2.0")),
    "the same tag twice": (Writer("api", "1.1.0"), Writer("api", "1.1.0")),
}


def settings_of(writer: Writer, token: str, allow_diverged: str) -> Settings:
    given_ = {
        name: str(declared.get("default", ""))
        for name, declared in declaration("action-open-infra-pr")["inputs"].items()
    }
    given_ |= {
        "env": "dev",
        "service": writer.service,
        "tag": writer.tag,
        "infra-repo": INFRA,
        "token": token,
        "merge": "direct",
        "allow-diverged": allow_diverged,
    }
    return Settings.read(Inputs({f"INPUT_{k.upper().replace('-', '_')}": v for k, v in given_.items()}), "your-org/app")


def write(sandbox: Sandbox, writer: Writer, token: str, *, allow_diverged: str = "") -> str:
    """Run one writer to its end and return its reason; time flies where it waits."""
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    clock = Clock(now=lambda: slept[0], sleep=sleep)
    infra = Repository(Client(INFRA, token, sandbox.environment()))
    wish, attempted = settings_of(writer, token, allow_diverged), AttemptState(SideWork(clock))
    try:
        return str(retry(lambda: _attempt(infra, wish, attempted, clock), timeout=600, clock=clock).outputs["reason"])
    except ActionError as error:
        return error.reason
    finally:
        if sandbox.turns:
            sandbox.turns.give_up(token)


def history(world: World) -> list[dict[str, str]]:
    """Return the tags of dev at every commit of main, oldest first."""
    git = world.infra.git
    head = git.head("main") or ""
    shas = [*reversed([str(commit.id) for commit in git._repo.walk(head)])]
    texts = [git.file(sha, "envs/dev.json") for sha in shas]
    return [{name: part["tag"] for name, part in json.loads(found[1]).items()} for found in texts if found]


def prepared(sandbox: Sandbox) -> World:
    world = without_gates(build(sandbox))
    release(world, *VERSIONS)
    world.infra.rulesets.clear()
    git = world.infra.git
    text = b'{\n"api": {"tag": "1.0.0"},\n"web": {"tag": "1.0.0"}\n}\n'
    olivia = sandbox.state.users["olivia"].person
    git.set_ref(
        "refs/heads/main",
        git.commit(parents=[git.head("main") or ""], message="x", author=olivia, files={"envs/dev.json": text}),
    )
    return world


def play(monkeypatch: pytest.MonkeyPatch, writers: tuple[Writer, Writer], order: list[int]) -> None:
    """Run *writers* with their calls in *order* and see what is left."""
    with Sandbox.start() as sandbox, ThreadPoolExecutor(2) as pool:
        world = prepared(sandbox)
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        before = len(history(world))
        tokens = [world.tokens[BOT], sandbox.state.add_token(BOT)]
        turns = sandbox.turns = Turns([tokens[number] for number in order])
        reasons = list(pool.map(lambda pair: write(sandbox, *pair), zip(writers, tokens, strict=True)))
        seen = history(world)
        infra = world.infra

        assert first_calls(turns.made) == first_calls([tokens[number] for number in order])
        assert set(reasons) <= {"merged", "up-to-date", "superseded"}, reasons
        assert seen[-1] == {"api": "1.0.0", "web": "1.0.0"} | {
            writer.service: max(other.tag for other in writers if other.service == writer.service) for writer in writers
        }
        for service in ("api", "web"):
            tags = [tags[service] for tags in seen[before:]]
            assert tags == sorted(tags), f"{service} went backwards: {tags}"
        changes = sum(one != other for one, other in zip(seen[before - 1 :], seen[before:], strict=False))
        assert changes == len(seen) - before, "an empty commit"
        assert list(infra.git.refs("refs/heads/")) == ["refs/heads/main"]
        assert not [pull for pull in infra.pulls.values() if pull.state == "open"]
        assert sandbox.violations == []


def first_calls(made: list[str]) -> list[str]:
    """Return the first two of the calls of each writer, in their order: no run makes fewer."""
    return [writer for number, writer in enumerate(made) if made[:number].count(writer) < 2]
