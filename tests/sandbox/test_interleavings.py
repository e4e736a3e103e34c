"""Two writers at once, in every order of their calls that a seeded sample meets: nothing lost, backwards or twice."""

from __future__ import annotations

import json
import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.server import Sandbox
from sandbox.world import BOT
from tests.sandbox.interleavings import CALLS, PAIRS, Writer, history, play, prepared, write
from tests.sandbox.scenarios import merged_pull

SAMPLE = 6


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.pull_request.merge.say", lambda _: None)
    monkeypatch.setattr("actions.pull_request.opening.say", lambda _: None)
    monkeypatch.setattr("actions.api.retry.say", lambda _: None)
    monkeypatch.setattr("actions.open_infra_pr.say", lambda _: None)


def orders() -> list[list[int]]:
    """Return every order of the first three calls of each run, and a sample of orders of all calls."""
    short = [[0 if n in first else 1 for n in range(6)] for first in combinations(range(6), 3)]
    source = random.Random(0)
    sample = []
    for _ in range(SAMPLE):
        order = [0] * CALLS + [1] * CALLS
        source.shuffle(order)
        sample.append(order)
    return short + sample


@pytest.mark.parametrize("pair", PAIRS)
def test_two_writers_lose_nothing_and_do_nothing_twice(monkeypatch: pytest.MonkeyPatch, pair: str) -> None:
    for order in orders():
        try:
            play(monkeypatch, PAIRS[pair], order)
        except AssertionError as error:
            raise AssertionError(f"{order}: {error}") from error


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_dev_never_moves_to_a_commit_that_does_not_contain_the_one_before(
    asked: list[tuple[int, bool]], source: random.Random
) -> None:
    """Whatever the history of the app, and in whatever order its runs come; but for what `allow-diverged` allows."""
    with Sandbox.start() as sandbox, pytest.MonkeyPatch.context() as patched:
        world = prepared(sandbox)
        for name, value in sandbox.environment().items():
            patched.setenv(name, value)
        git, alice = world.app.git, sandbox.state.users["alice"].person
        commits = [git.head("main") or ""]
        for number in range(9):
            parents = source.sample(commits, k=min(len(commits), source.choice([1, 1, 2])))
            commits.append(git.commit(parents=parents, message=str(number), author=alice))
            git.set_ref(f"refs/heads/hotfixes/b{number}", commits[-1])
            merged_pull(sandbox.state, world.app, commits[-1], base=f"hotfixes/b{number}", approved_by="bob")
            sandbox.state.report(world.app, "gate", commits[-1], branch=f"hotfixes/b{number}")
        infra = world.infra.git
        text = json.dumps({"api": {"tag": commits[0]}}).encode()
        start = infra.commit(
            parents=[infra.head("main") or ""], message="x", author=alice, files={"envs/dev.json": text}
        )
        infra.set_ref("refs/heads/main", start)
        allowed = set()
        for number, why in asked:
            writer = Writer("api", commits[number])
            reason = write(sandbox, writer, world.tokens[BOT], allow_diverged="meant" if why else "")
            assert reason in {"merged", "up-to-date", "superseded", "diverged"}
            if why:
                allowed.add(commits[number])

        tags = [found["api"] for found in history(world)]
        for before, after in pairwise(tags[tags.index(commits[0], 1) :]):
            assert after in allowed or git.is_ancestor(before, after)
