"""Every assumption, tried on the sandbox; and the runner, which must neither leave anything nor tell a token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import pytest

from actions.errors import AccessError, ActionError, RateLimitedError
from actions.runner.clock import Clock
from sandbox.faults import Fault
from sandbox.server import Sandbox
from tests.conformance import __main__ as command
from tests.conformance import runner
from tests.conformance.assumptions import ASSUMPTIONS, Assumption, DifferentError, NotTriedError, Verdict, require
from tests.conformance.ground import PREFIX, Ground
from tests.conformance.report import render
from tests.conformance.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORGANIZATION = "scratch-org"
CREATE = "POST /orgs/{org}/repos"
FINE_GRAINED = {"contents": "write", "pull_requests": "write"}
APP = FINE_GRAINED | {"checks": "write", "deployments": "write", "statuses": "write", "administration": "read"}
VARIABLES = {"GITHUB_API_URL": "https://github.invalid/api", "CONFORMANCE_ORGANIZATION": "o", "CONFORMANCE_TOKEN": "t"}
# What the sandbox cannot show: it runs no workflow here, and its organizations and Apps lack nothing.
SANDBOX_CANNOT = {
    "this server runs no workflows",
    "the organization's plan supports drafts",
    "GitHub allowed it: the App may have Workflows: write",
}
# What GitHub's schema and limits have against queries that are there to be refused.
PROVOKED = re.compile(r"This query requests up to|Requesting 101 records|no response 4\d\d|no body parameter")


def no_sleep(_: float) -> NoReturn:
    raise AssertionError("nothing is late on the sandbox")


def settings_on(sandbox: Sandbox) -> Settings:
    """Make an organization on *sandbox*, with an owner, a second person and an App."""
    state = sandbox.state
    organization = state.add_user(ORGANIZATION, kind="Organization")
    organization.owners.add("olivia")
    organization.apps.add("probe[bot]")
    for login in ("olivia", "bob"):
        state.add_user(login)
    state.add_user("probe[bot]", kind="Bot")
    return Settings(
        api_url=sandbox.environment()["GITHUB_API_URL"],
        organization=ORGANIZATION,
        token=state.add_token("olivia"),
        second_token=state.add_token("bob"),
        fine_grained_token=state.add_token("olivia", permissions=FINE_GRAINED),
        app_token=state.add_token("probe[bot]", permissions=APP),
    )


@pytest.fixture(name="sandbox")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture(name="ground")
def _ground(sandbox: Sandbox) -> Ground:
    return Ground(settings_on(sandbox), Clock(sleep=no_sleep))


def claim(attempt: Callable[[Ground], str | None], *, question: bool = False) -> Assumption:
    return Assumption(subject="test", text="It holds", source="nobody", attempt=attempt, question=question)


def raising(error: Exception) -> Assumption:
    def attempt(_: Ground) -> NoReturn:
        raise error

    return claim(attempt)


# The assumptions


def test_on_the_sandbox_every_assumption_holds_or_has_a_reason(sandbox: Sandbox, ground: Ground) -> None:
    report = runner.run(ground, questions=False)

    different = [f"{each.assumption.text}: {each.seen}" for each in report.results if each.verdict == "different"]
    untried = {each.seen for each in report.results if each.verdict == "could not be tried" and not each.assumption.why}
    assert different == []
    assert untried == SANDBOX_CANNOT
    assert report.count(Verdict.NOT_ASKED) == sum(each.question for each in ASSUMPTIONS)
    assert sandbox.state.repos == {}
    assert [each for each in sandbox.violations if not PROVOKED.search(each)] == []
    assert 0 < (report.points or 0) < runner.MOST_POINTS


def test_the_questions_that_the_sandbox_can_be_asked_have_answers(sandbox: Sandbox, ground: Ground) -> None:
    report = runner.run(ground, [each for each in ASSUMPTIONS if each.question])

    assert report.count(Verdict.DIFFERENT) == 0
    assert report.count(Verdict.ANSWERED) >= 5
    assert sandbox.state.repos == {}


def test_each_assumption_has_a_source_and_is_told_once() -> None:
    texts = [each.text for each in ASSUMPTIONS]

    assert len(set(texts)) == len(texts)
    assert all(each.source or each.question for each in ASSUMPTIONS)


def test_what_needs_another_token_cannot_be_tried_without_it(sandbox: Sandbox) -> None:
    found, missing = settings_on(sandbox), ("second_token", "fine_grained_token", "app_token")
    values = {name: getattr(found, name) for name in found.__slots__} | dict.fromkeys(missing, "")
    subjects = [each for each in ASSUMPTIONS if each.subject in ("checks", "identities") and not each.question]

    report = runner.run(Ground(Settings(**values), Clock(sleep=no_sleep)), subjects)

    seen = {each.seen for each in report.results}
    assert {f"CONFORMANCE_{name.upper()} is not set" for name in missing} <= seen
    assert report.count(Verdict.DIFFERENT) == 0


# The runner


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        pytest.param(DifferentError("x"), Verdict.DIFFERENT, id="something else was seen"),
        pytest.param(NotTriedError("x"), Verdict.NOT_TRIED, id="something is missing"),
        pytest.param(AccessError("x"), Verdict.DIFFERENT, id="GitHub refuses"),
        pytest.param(KeyError("x"), Verdict.DIFFERENT, id="an answer of another shape"),
    ],
)
def test_what_goes_wrong_in_one_assumption_ends_that_one_alone(
    ground: Ground, error: Exception, verdict: Verdict
) -> None:
    report = runner.run(ground, [raising(error), claim(lambda _: None)])

    assert [each.verdict for each in report.results] == [verdict, Verdict.AS_ASSUMED]
    assert "x" in report.results[0].seen


def test_a_rate_limit_is_waited_for_before_the_next_assumption(sandbox: Sandbox) -> None:
    slept: list[float] = []
    ground = Ground(settings_on(sandbox), Clock(now=lambda: sum(slept), sleep=slept.append), patience=50)

    report = runner.run(ground, [raising(RateLimitedError("slow down", wait=60)), claim(lambda _: None)])

    assert [each.seen for each in report.results] == ["slow down", ""]
    assert slept == [50]


def test_what_the_plan_lacks_could_not_be_tried(ground: Ground) -> None:
    error = AccessError("refused")
    error.said = "Upgrade to GitHub Pro or make this repository public to enable this feature."

    assert runner.run(ground, [raising(error)]).count(Verdict.NOT_TRIED) == 1


def test_a_question_has_an_answer_and_is_not_asked_of_the_sandbox(ground: Ground) -> None:
    asked = [claim(lambda _: "yes | no", question=True)]

    report = runner.run(ground, asked)

    assert "| answered | yes \\| no |" in render(report)
    assert runner.run(ground, asked, questions=False).count(Verdict.NOT_ASKED) == 1


def test_the_repositories_are_deleted_after_a_crash_too(sandbox: Sandbox, ground: Ground) -> None:
    with pytest.raises(KeyboardInterrupt):
        runner.run(ground, [claim(lambda _: _interrupt())])

    assert [each.operation for each in sandbox.exchanges].count(CREATE) == 1
    assert sandbox.state.repos == {}


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def test_a_repository_that_was_made_though_the_answer_was_lost_is_deleted(sandbox: Sandbox, ground: Ground) -> None:
    sandbox.faults.plan({CREATE: Fault(status=502, after=True)})

    with pytest.raises(ActionError, match="502"):
        runner.run(ground)

    assert sandbox.state.repos == {}


def test_a_repository_that_cannot_be_deleted_is_named_and_found_by_the_next_run(
    sandbox: Sandbox, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.plan({"DELETE /repos/{owner}/{repo}": Fault(status=403, body={"message": "Must have admin rights"})})
    first = runner.run(ground, [claim(lambda _: None)])
    sandbox.faults.plan({})
    second = runner.run(Ground(ground.settings, ground.clock), [claim(lambda _: None)])

    assert first.left == ground.made == second.earlier
    assert first.left[0].startswith(PREFIX)
    assert f"Delete these by hand: {first.left[0]}" in capsys.readouterr().out
    assert f"by hand: {first.left[0]}" in render(first)
    assert f"Left by an earlier run, or in use by another one: {first.left[0]}" in render(second)


def test_beyond_the_points_nothing_more_is_tried(sandbox: Sandbox, ground: Ground) -> None:
    def spend(_: Ground) -> None:
        sandbox.state.limits.points_used += runner.MOST_POINTS

    report = runner.run(ground, [claim(spend), claim(lambda _: None), claim(lambda _: "", question=True)])

    assert [each.verdict for each in report.results] == [Verdict.AS_ASSUMED, Verdict.NOT_TRIED, Verdict.NOT_ASKED]
    assert report.results[1].seen == "the points are spent"
    assert f"Cost: {report.points} points" in render(report)


def test_points_are_counted_over_the_end_of_an_hour(sandbox: Sandbox, ground: Ground) -> None:
    def next_hour(_: Ground) -> None:
        sandbox.state.limits.points_used = 7

    sandbox.state.limits.points_used = 4000

    assert 0 < (runner.run(ground, [claim(next_hour)]).points or 0) < 50


def test_a_server_without_limits_counts_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ground, "points", lambda _: None)

    report = runner.run(ground, [claim(lambda _: None)])

    assert report.points is None
    assert "points not counted by the server" in render(report)


def test_when_the_time_is_up_nothing_more_is_tried(sandbox: Sandbox) -> None:
    slept: list[float] = []
    ground = Ground(settings_on(sandbox), Clock(now=lambda: sum(slept), sleep=no_sleep))

    def linger(_: Ground) -> None:
        slept.append(runner.MOST_SECONDS + 1)

    report = runner.run(ground, [claim(linger), claim(lambda _: None)])

    assert [each.seen for each in report.results] == ["", "the time is up"]
    assert sandbox.state.repos == {}


def test_what_is_late_is_waited_for_and_not_for_ever(sandbox: Sandbox) -> None:
    slept: list[float] = []
    ground = Ground(settings_on(sandbox), Clock(now=lambda: sum(slept), sleep=slept.append), patience=20)

    assert ground.eventually(lambda: "there" if len(slept) == 2 else None, "it") == "there"
    with pytest.raises(DifferentError, match="it did not come within 20 seconds"):
        ground.eventually(lambda: None, "it")

    assert sum(slept) < 3 + 20 + 8


def test_an_invitation_is_accepted(sandbox: Sandbox, ground: Ground) -> None:
    """Somebody who is no member of the organization is invited first."""
    invited = "PUT /repos/{owner}/{repo}/collaborators/{username}"
    accepted = "PATCH /user/repository_invitations/{invitation_id}"
    sandbox.faults.plan({invited: Fault(status=201, body={"id": 7}), accepted: Fault(status=200, body={"id": 7})})

    runner.run(ground, [claim(lambda _: None)])

    assert sandbox.faults.waiting == []


# The command


@pytest.mark.parametrize("missing", VARIABLES)
def test_a_missing_variable_is_named_and_nothing_is_touched(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = command.main(VARIABLES | {missing: ""}, Clock(sleep=no_sleep))

    assert (code, capsys.readouterr().out) == (2, f"conformance: {missing} must be set; nothing was touched\n")


def test_a_token_goes_to_no_address_without_tls() -> None:
    with pytest.raises(SettingsError, match="must begin with https://"):
        Settings.read(VARIABLES | {"GITHUB_API_URL": "http://github.invalid"})


def test_the_command_prints_the_table_and_no_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_on(sandbox)

    def tell(_: Ground) -> None:
        require(met=False, seen=f"the tokens are {settings.token} and {settings.app_token}")

    monkeypatch.setattr(runner, "ASSUMPTIONS", [claim(tell)])
    environment = {
        "GITHUB_API_URL": settings.api_url,
        "CONFORMANCE_ORGANIZATION": ORGANIZATION,
        "CONFORMANCE_TOKEN": settings.token,
        "CONFORMANCE_APP_TOKEN": settings.app_token,
    }

    code = command.main(environment, Clock(sleep=no_sleep))

    out = capsys.readouterr().out
    assert code == 1
    assert "| test | It holds | different | the tokens are *** and *** | nobody |" in out
    assert "0 as assumed, 1 different, 0 could not be tried" in out
    assert settings.token not in out + repr(settings)


def test_a_token_that_the_server_does_not_know_is_said_before_anything_is_made(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {
        "GITHUB_API_URL": sandbox.environment()["GITHUB_API_URL"],
        "CONFORMANCE_ORGANIZATION": ORGANIZATION,
        "CONFORMANCE_TOKEN": "ghp_wrong",
    }

    assert command.main(environment, Clock(sleep=no_sleep)) == 2
    assert "conformance: GitHub does not know the token" in capsys.readouterr().out
    assert sandbox.exchanges == []
