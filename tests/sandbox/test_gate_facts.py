"""Which facts the gates collect about a change, and what that asks of GitHub: nothing that decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actions.api.checks import NamedCheck
from actions.api.client import Client
from actions.api.repository import Repository
from actions.app.order import Order
from actions.gates.collect import EvaluatedChange, GateEvaluator
from actions.gates.facts import Gate, Reason
from actions.gates.origin import Origin
from actions.gates.trailers import Trailers
from actions.infra.change import Change
from actions.infra.remote import environment, read_config_at
from sandbox.delivery import tagged
from sandbox.state import Deployment, DeploymentStatus
from sandbox.world import BOT
from tests.sandbox.scenarios import NOW, GitHub, deploy

if TYPE_CHECKING:
    from actions.infra.config import Config
    from actions.infra.layout import Snapshot

REASON = Trailers(reason="INC-7")
HOURS = timedelta(hours=1)


@dataclass(frozen=True)
class Gates:
    """The gates of the infra repository, evaluated without a pull request."""

    github: GitHub

    def evaluator(self, **given: Any) -> GateEvaluator:
        """Return an evaluator on top of the default branch."""
        github = self.github
        infra = Repository(Client("your-org/infra", github.bot, github.sandbox.environment()))
        head = github.world.infra.git.head("main") or ""
        config = read_config_at(infra, head)
        known: dict[str, Any] = {
            "infra": infra, "config": config, "layout": config.layout("envs"), "head": head,
            "app_repo": "your-org/app", "app_token": github.bot, "now": NOW, "snapshots": {},
        }  # fmt: skip
        return GateEvaluator(**known | given)

    def evaluate(
        self, env: str, before: str, after: str, trailers: Trailers | None = None, **given: Any
    ) -> EvaluatedChange:
        """Evaluate the gates for a change of the tag, approved and without a label."""
        evaluator, change = self.evaluator(**given), changed(env, before, after)
        self.github.operations()
        return evaluator.evaluate(
            change, Origin(trailers=trailers or Trailers(), freeze_label=False, approved=True, texts=("",)), ()
        )


@pytest.fixture(name="gates")
def _gates(gated: GitHub, monkeypatch: pytest.MonkeyPatch) -> Gates:
    for name, value in gated.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    return Gates(gated)


def without_repos(gates: Gates) -> Config:
    """Return gitops.yml as if it named no repositories."""
    return replace(gates.evaluator().config, repos={})


def changed(env: str, before: str, after: str, service: str = "api") -> Change:
    return Change(env=env, service=service, file=f"envs/{env}.json", before=before, after=after)


def message(found: EvaluatedChange, gate: Gate) -> str:
    return next(result.message for result in found.results if result.gate is gate)


TAG, COMPARE = "query", "GET /repos/{owner}/{repo}/compare/{basehead}"
FILES, RECORDS = "query", "query"
HOTFIX = (COMPARE, "query", "query")  # what it adds to the default branch, its commits, their pull requests
LOST = (TAG, COMPARE, "query", *["GET /repos/{owner}/{repo}/commits/{ref}"] * 2)


@pytest.mark.parametrize(
    ("env", "before", "after", "trailers", "expected"),
    [
        pytest.param("dev", "old", "new", Trailers(), [TAG], id="forward"),
        pytest.param("dev", "old", "new", REASON, [TAG], id="forward with a reason"),
        pytest.param("dev", "new", "old", Trailers(), [TAG, COMPARE, TAG], id="back without a reason"),
        pytest.param("dev", "new", "old", REASON, [TAG, COMPARE, TAG, FILES, RECORDS], id="a rollback"),
        pytest.param("dev", "old", "old", Trailers(), [], id="the tag stays"),
        pytest.param("dev", "old", "", Trailers(), [], id="a removal"),
        pytest.param("dev", "", "", Trailers(), [], id="no tag before and after"),
        pytest.param("staging", "old", "new", Trailers(), [TAG, FILES, RECORDS], id="forward after another"),
        pytest.param("dev", "old", "fix", Trailers(), [TAG, *HOTFIX], id="a hotfix that needs no promotion"),
        pytest.param("staging", "old", "fix", Trailers(), [TAG, *HOTFIX, TAG], id="a hotfix of what runs"),
        pytest.param(
            "staging",
            "new",
            "fix",
            Trailers(),
            [TAG, COMPARE, *HOTFIX, *LOST, FILES, RECORDS],
            id="a hotfix of something else",
        ),
    ],
)  # fmt: skip
def test_only_what_decides_is_asked(
    gates: Gates, env: str, before: str, after: str, trailers: Trailers, expected: list[str]
) -> None:
    github = gates.github
    old = github.app_commit("old")
    tags = {"": "", "old": old, "new": github.app_commit("new")}
    tags["fix"] = github.app_commit("fix", branch="hotfixes/x", parent=old)
    deploy(github, "dev", old, ago=5 * HOURS)
    deploy(github, "dev", tags["new"], ago=4 * HOURS)

    gates.evaluate(env, tags[before], tags[after], trailers)

    assert github.operations() == expected


def test_a_change_comes_with_the_commits_that_it_adds_or_removes(gates: Gates) -> None:
    github = gates.github
    old, new = github.app_commit("old"), github.app_commit("new")

    forward, back = gates.evaluate("dev", old, new), gates.evaluate("dev", new, old)

    assert forward.line == 1
    assert forward.comparison
    assert back.comparison
    assert (forward.order, [commit.title for commit in forward.comparison.commits]) == (Order.AHEAD, ["new"])
    assert (back.order, back.comparison.status) == (Order.BEHIND, "behind")
    assert [commit.title for commit in back.comparison.commits] == ["new"]


def test_versions_without_commits_are_ordered_without_commits(gates: Gates) -> None:
    assert gates.evaluate("dev", "1.1.0", "1.0.0").comparison is None


def test_a_service_without_an_app_repository_asks_nothing(gates: Gates) -> None:
    found = gates.evaluate("dev", "1.1.0", "1.0.0", app_repo="", config=without_repos(gates))

    assert (found.order, found.comparison, gates.github.operations()) == (Order.BEHIND, None, [])


def test_a_tag_that_was_removed_first_is_compared_all_the_same(gates: Gates) -> None:
    github = gates.github
    start = github.world.app.git.head("main") or ""
    fix = github.app_commit("Fix", branch="hotfixes/x", parent=start)
    new = github.app_commit("Feature")
    deploy(github, "dev", fix, ago=HOURS)
    github.change_infra({"envs/dev.json": tagged("")})

    found = gates.evaluate("dev", "", new)

    assert message(found, Gate.ANCESTRY).startswith(f"{new[:12]} lacks commits of {fix[:12]}: {fix[:12]} Fix. ")
    assert (found.order, found.change.before) == (Order.DIVERGED, "")


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        pytest.param((248, 200, 24), "has run in staging for 1 d", id="exactly long enough now"),
        pytest.param((240, 200, 23), "has run in staging for 1 d 16 h", id="long enough earlier, not yet now"),
    ],
)
def test_the_newest_run_that_is_long_enough_is_shown(gates: Gates, ago: tuple[int, ...], said: str) -> None:
    github = gates.github
    tag, other = github.app_commit(), github.app_commit()
    for name, hours in zip((tag, other, tag), ago, strict=True):
        deploy(github, "staging", name, ago=hours * HOURS)

    found = gates.evaluate("prod", other, tag)

    assert message(found, Gate.SOAK).endswith(said)


def test_without_a_soak_the_newest_run_is_enough(gates: Gates) -> None:
    github = gates.github
    tag, other = github.app_commit(), github.app_commit()
    for name, hours in ((tag, 9), (other, 8), (tag, 2)):
        deploy(github, "dev", name, ago=hours * HOURS)

    found = gates.evaluate("staging", other, tag)

    assert message(found, Gate.AFTER).endswith("was deployed to dev at 2026-11-24 10:00 UTC")


def record_many(github: GitHub, count: int) -> list[str]:
    """Have the tag of dev change *count* times, and return the tags, the newest first."""
    bot = github.sandbox.state.users[BOT]
    tags: list[str] = []
    for number in range(count):
        tags.insert(0, f"1.0.{number}")
        sha = github.change_infra({"envs/dev.json": tagged(tags[0])})
        at = (NOW - (count - number) * HOURS).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = Deployment(github.sandbox.state.new_id(), sha, "main", "dev", bot, created=at)
        record.statuses.append(DeploymentStatus(github.sandbox.state.new_id(), "success", bot, at=at))
        github.world.infra.deployments.append(record)
    return tags


@pytest.mark.thorough
def test_a_tag_ran_if_it_is_among_the_last_two_hundred(gates: Gates) -> None:
    tags = record_many(gates.github, 201)
    evaluator = gates.evaluator()

    assert [evaluator.ran("dev", "api", tag) for tag in (tags[0], tags[199], tags[200])] == [True, True, False]
    assert not evaluator.ran("dev", "web", tags[0])
    gates_ = (message(gates.evaluate("staging", "0.9.0", tag), Gate.AFTER) for tag in (tags[199], tags[200]))
    assert [text.split(" ")[1] for text in gates_] == ["was", "has"]


def test_an_environment_is_read_once_and_not_at_all_if_it_is_known(gates: Gates) -> None:
    def asked(snapshots: dict[str, Snapshot | None]) -> list[str]:
        evaluator = gates.evaluator(snapshots=snapshots)
        gates.github.operations()
        for service in ("api", "web"):
            list(evaluator.periods("dev", service))
        return gates.github.operations()

    fresh = gates.evaluator()
    dev = environment(fresh.infra, fresh.layout, fresh.head, "dev")

    assert (len(asked({})), len(asked({"dev": dev}))) == (2, 1)


def test_tags_are_requested_together_and_once(gates: Gates) -> None:
    github = gates.github
    github.release("1.0.0", "1.1.0")
    sha = github.app_commit()
    evaluator = gates.evaluator()
    github.operations()

    evaluator.prefetch([changed("dev", "1.0.0", "1.1.0"), changed("prod", sha, "1.0.0"), changed("prod", "1.1.0", "")])
    asked = github.operations()
    evaluator.order("api", "1.0.0", "1.1.0")

    assert (asked, github.operations()) == (["query"], [])


def test_a_commit_in_place_is_not_requested(gates: Gates) -> None:
    """Fifty tags are requested at once."""
    evaluator = gates.evaluator()
    gates.github.operations()

    evaluator.prefetch(changed("dev", f"{number:040x}", f"1.0.{number}") for number in range(50))

    assert gates.github.operations() == ["query"]


@pytest.mark.parametrize("after", ["", "latest"])
def test_what_has_no_commits_is_not_requested(gates: Gates, after: str) -> None:
    evaluator = gates.evaluator(config=without_repos(gates), app_repo="" if after else "your-org/app")
    gates.github.operations()

    evaluator.prefetch([changed("dev", "a" * 40, after)])

    assert gates.github.operations() == []


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param({}, Reason.NO_CHECKS, id="nothing says which"),
        pytest.param({"api": ()}, None, id="gitops.yml says none"),
    ],
)
def test_where_no_checks_are_required_gitops_yml_has_to_say_none(
    gates: Gates, checks: dict[str, tuple[NamedCheck, ...]], expected: Reason | None
) -> None:
    """A token that may read neither checks nor jobs is enough then."""
    github = gates.github
    for ruleset in github.world.app.rulesets:
        ruleset["rules"] = [rule for rule in ruleset["rules"] if rule["type"] != "required_status_checks"]
    old, new = github.app_commit("old"), github.app_commit("new")
    may = {"contents": "read", "pull_requests": "read"}
    token = github.sandbox.state.add_token(BOT, permissions=may)

    config = replace(gates.evaluator().config, checks=checks)
    found = gates.evaluate("dev", old, new, app_token=token, config=config)

    assert [result.reason for result in found.results if result.gate is Gate.CHECKS] == [expected]


def test_a_tag_without_a_commit_has_no_checks(gates: Gates) -> None:
    found = gates.evaluate("dev", "1.0.0", "9.9.9")

    assert {result.gate: result.reason for result in found.results if result.reason} == {
        Gate.RELEASED: "unknown-commit",
        Gate.CHECKS: "checks-pending",
    }
