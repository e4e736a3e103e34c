from __future__ import annotations

import threading
from enum import StrEnum
from pathlib import Path

import pytest

from actions.errors import ActionError, EnvFileError, InputError
from actions.runner import environment
from actions.runner import outcome as ending
from actions.runner.clock import Clock
from actions.runner.inputs import Inputs
from actions.runner.log import say
from actions.runner.markdown import code_block, escape, format_tag, table
from actions.runner.outcome import Outcome
from tests.support import Result, Runner


class Fruit(StrEnum):
    APPLE = "apple"
    PEAR = "pear"


def given(**inputs: str) -> Inputs:
    return Inputs({f"INPUT_{name.upper()}": value for name, value in inputs.items()})


def test_inputs_are_read_by_the_names_they_have_in_action_yml() -> None:
    inputs = given(INFRA_REPO=" your-org/infra \n", TAGS="a=1\n\n b=2\r\n", NAMES="a, b\nc", YES="true", WAIT="60")

    assert inputs.text("infra-repo") == "your-org/infra"
    assert inputs.text("none") == ""
    assert inputs.lines("tags") == ["a=1", "b=2"]
    assert inputs.names("names") == ["a", "b", "c"]
    assert inputs.flag("yes") is True
    assert inputs.seconds("wait") == 60
    assert given(fruit="pear").choice("fruit", Fruit) is Fruit.PEAR


@pytest.mark.parametrize("value", ["", "yes", "True", "1"])
def test_a_flag_is_true_or_false_and_nothing_else(value: str) -> None:
    with pytest.raises(InputError, match="it must be true or false"):
        given(x=value).flag("x")


def test_a_choice_names_what_it_could_be() -> None:
    with pytest.raises(InputError, match="input x is 'plum'; it must be one of apple, pear"):
        given(x="plum").choice("x", Fruit)


@pytest.mark.parametrize("value", ["", "-1", "1.5", "soon", "99999", "9" * 5000])
def test_seconds_are_a_number(value: str) -> None:
    with pytest.raises(InputError, match="must be a number of seconds"):
        given(x=value).seconds("x")


def test_a_required_input_is_required() -> None:
    """GitHub itself only declares it."""
    with pytest.raises(InputError, match="input env is required"):
        given(env=" ").required("env")


def test_a_secret_is_masked_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert given(token="ghs_x%y").secret("token") == "ghs_x%y"
    assert capsys.readouterr().out == "::add-mask::ghs_x%25y\n"


def test_no_line_of_the_log_is_taken_for_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    say("fine\n  ::set-output name=x::y\n a ##[error]z\r::stop \ud800")

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["fine", "\u200b  ::set-output name=x::y", " a #\u200b#[error]z", "\u200b::stop ?"]


def test_a_token_with_characters_that_no_header_takes_is_refused() -> None:
    with pytest.raises(InputError, match="contains characters that no token has"):
        given(token="tök€n").secret("token")


def test_markdown_does_nothing_in_a_cell() -> None:
    assert escape("a|b\n<script> `x` [y](z) @team") == (
        "a&#124;b &#60;script&#62; &#96;x&#96; &#91;y&#93;(z) &#64;team"
    )


def finish(runner: Runner, outcome: Outcome | BaseException) -> Result:
    def act() -> Outcome:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return runner.run("action-setup-flags", lambda: ending.run(act, unset={"changed": False, "changes": []}))


def test_a_good_end_has_outputs_a_notice_and_a_summary(runner: Runner) -> None:
    outputs = {"changed": True, "changes": [{"a": "ü"}], "text": "two\nlines", "count": 3}

    result = finish(runner, Outcome(outputs=outputs, notice="50% done", summary="### Done\n", warnings=("careful",)))

    assert result.exit_code == 0
    assert result.outputs == {"changed": "true", "changes": '[{"a":"ü"}]', "text": "two\nlines", "count": "3"}
    assert result.summary == "### Done\n\n"
    assert result.log == "::warning::careful\n::notice::50%25 done\n"


def test_an_output_cannot_end_itself_early(runner: Runner) -> None:
    """The delimiter is made up anew for each value."""
    hostile = "x\nghadelimiter_\nreason=oops\nEOF\n"

    assert finish(runner, Outcome(outputs={"a": hostile}, notice="")).outputs == {"a": hostile}


def test_a_failure_of_the_user_has_a_place_a_reason_and_no_traceback(runner: Runner) -> None:
    result = finish(runner, EnvFileError("envs/dev.json:3: not JSON", file="envs/dev.json", line=3))

    assert result.exit_code == 3
    assert result.outputs == {"changed": "false", "changes": "[]", "reason": "invalid-env-file"}
    assert result.log == "::error file=envs/dev.json,line=3::envs/dev.json:3: not JSON\n"
    assert result.summary.startswith("❌ **invalid-env-file**: envs/dev.json&#58;3&#58; not JSON")


def test_a_failure_without_a_place_has_none(runner: Runner) -> None:
    assert finish(runner, InputError("no")).log == "::error::no\n"
    assert finish(runner, EnvFileError("no", file="x")).log == "::error file=x::no\n"


@pytest.mark.parametrize(("inputs", "longest"), [({}, 2400), ({"timeout": "60"}, 1860), ({"timeout": "soon"}, 1800)])
def test_a_run_ends_though_a_server_never_does(runner: Runner, inputs: dict[str, str], longest: int) -> None:
    answer, waited, known = threading.Event(), list[float](), dict[str, object]()

    def ask() -> Outcome:
        known["pr-number"] = 7
        answer.wait()
        return Outcome(outputs={}, notice="")

    def join(thread: threading.Thread, seconds: float) -> None:
        waited.append(seconds)
        while "pr-number" not in known:
            thread.join(0.01)

    def main() -> int:
        return ending.run(ask, unset={"pr-number": "", "sha": ""}, known=known, clock=Clock(join=join))

    result = runner.run("action-open-infra-pr", main, **inputs)
    answer.set()

    assert (result.exit_code, waited) == (10, [longest])
    assert result.outputs == {"pr-number": "7", "sha": "", "reason": "timeout"}
    assert f"the run has not ended within {longest} s" in result.log


def test_what_a_timed_run_raises_is_reported_as_always(runner: Runner) -> None:
    def refuse() -> Outcome:
        raise InputError("no")

    def fail() -> Outcome:
        raise ZeroDivisionError

    assert runner.run("action-open-infra-pr", lambda: ending.run(refuse, unset={}, clock=Clock())).exit_code == 2
    with pytest.raises(ZeroDivisionError):
        runner.run("action-open-infra-pr", lambda: ending.run(fail, unset={}, clock=Clock()))


def test_a_fault_of_ours_shows_its_traceback_and_still_has_outputs(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        finish(runner, ZeroDivisionError())

    assert "internal-error" in (tmp_path / "github_output").read_text()


def test_a_summary_that_is_too_long_is_cut_and_says_so(runner: Runner) -> None:
    summary = finish(runner, Outcome(outputs={}, notice="", summary="ü" * 600_000)).summary

    assert len(summary.encode()) <= 1024 * 1024
    assert "cut here" in summary


def test_without_a_runner_outputs_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert ending.run(lambda: Outcome(outputs={"a": "1"}, notice="n", summary="s"), unset={}) == 0
    assert capsys.readouterr().out == "::notice::n\na=1\n"


def test_the_checkout_is_where_the_runner_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment.workspace_root() == tmp_path
    monkeypatch.setenv("GITHUB_WORKSPACE", "/somewhere")
    assert environment.workspace_root() == Path("/somewhere")


def families(kind: type[ActionError]) -> list[type[ActionError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in families(child))]


def test_every_error_has_a_reason_of_its_own_and_every_family_an_exit_code() -> None:
    known = [kind for kind in families(ActionError)[1:] if "reason" in vars(kind)]
    codes = {kind.exit_code for kind in known}

    assert len({kind.reason for kind in known}) == len(known)
    assert codes == {2, 3, 4, 5, 6, 7, 10}
    assert not codes & {0, 1, 8, 9}


def test_a_table_centers_its_last_columns() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    assert table(["a", "b"], [["1", "2"]], centered=1) == "| a | b |\n| --- | :-: |\n| 1 | 2 |\n"


@pytest.mark.parametrize(("text", "fence"), [("a\n", "```"), ("``\n", "```"), ("```\n", "````")])
def test_a_code_block_has_a_fence_as_long_as_it_needs(text: str, fence: str) -> None:
    assert code_block(text, "diff") == f"{fence}diff\n{text}{fence}\n"


@pytest.mark.parametrize(
    ("tag", "cell"), [("", "`(none)`"), ("1.0.0", "`1.0.0`"), ("a" * 40, f"`{'a' * 12}`"), ("x | y", "x &#124; y")]
)
def test_a_tag_is_a_cell(tag: str, cell: str) -> None:
    assert format_tag(tag) == cell


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/runner/_actions/your-org/gitops-actions/v1/actions/x.py", "your-org/gitops-actions@v1"),
        ("/runner/app/app/actions/x.py", ""),
    ],
)
def test_the_version_of_the_action_is_in_its_path(path: str, version: str) -> None:
    assert environment.action_version(Path(path)) == version


def test_nobody_asked_for_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "alice")
    monkeypatch.setenv("GITHUB_TRIGGERING_ACTOR", "bob")
    assert environment.actors() == ("bob", "alice")

    monkeypatch.setenv("GITHUB_EVENT_NAME", "schedule")
    assert environment.actors() == ("", "")
