"""End a run: outputs, annotations, job summary, exit code."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from actions_toolkit.command import issue_command
from actions_toolkit.file_command import issue_file_command, prepare_key_value_message

from actions.errors import ActionError, InputError, TooLateError
from actions.runner.inputs import Inputs
from actions.runner.log import encodable, say
from actions.runner.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actions.runner.clock import Clock

# GitHub drops a step summary of more than 1 MiB (docs.github.com, "Workflow commands for GitHub Actions").
LONGEST_SUMMARY = 1024 * 1024
LONGEST_WORK = 1800  # seconds, beside what the input `timeout` lets a run wait
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of a run: outputs, one line for the log, and the job summary.

    With *errors* the run fails with the exit code of the first one, and the *notice* is not shown.
    """

    outputs: Mapping[str, object]
    notice: str
    summary: str = ""
    warnings: tuple[str, ...] = ()
    errors: tuple[ActionError, ...] = ()


def run(
    action: Callable[[], Outcome],
    *,
    unset: Mapping[str, object],
    known: Mapping[str, object] = NOTHING,
    clock: Clock | None = None,
) -> int:
    """Run *action*, report its outcome to the runner, and return the exit code.

    With a *clock*, which an action that asks a server must pass, the run ends even if the server never does.

    A failed run sets the outputs *unset*, overridden by *known*, to which *action* may add what it created before the
    failure; `reason` says why it failed. An ActionError is shown without a traceback. Any other exception is a bug and
    is shown with one.
    """
    # A Windows console may not be UTF-8.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        outcome = _in_time(action, clock) if clock else action()
    except ActionError as error:
        return _failed(error, {**unset, **known})
    except Exception:
        _set_outputs({**unset, **known, "reason": "internal-error"})
        raise
    for warning in outcome.warnings:
        issue_command("warning", {}, warning)
    for problem in outcome.errors:
        _annotate(problem)
    if not outcome.errors:
        issue_command("notice", {}, outcome.notice)
    _set_outputs(outcome.outputs)
    _summarize(outcome.summary)
    return outcome.errors[0].exit_code if outcome.errors else 0


def _in_time(action: Callable[[], Outcome], clock: Clock) -> Outcome:
    """Return what *action* returns, or raise what it raises; raise TooLateError if it takes too long.

    It runs in a thread that is left alone then and ends with the process: on every platform, nothing else interrupts a
    server that sends one byte now and then.
    """
    longest = LONGEST_WORK + _longest_wait()
    outcomes: list[Outcome] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            outcomes.append(action())
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that reports it
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    clock.join(thread, longest)
    if errors:
        raise errors[0]
    if not outcomes:
        raise TooLateError(f"the run has not ended within {longest} s; a server does not answer, or much too slowly")
    return outcomes[0]


def _longest_wait() -> int:
    try:
        return Inputs().seconds("timeout")
    except InputError:
        return 0


def _failed(error: ActionError, unset: Mapping[str, object]) -> int:
    _annotate(error)
    _set_outputs({**unset, "reason": error.reason})
    _summarize(f"❌ **{error.reason}**: {escape(str(error))}\n")
    return error.exit_code


def _annotate(error: ActionError) -> None:
    properties = {"file": error.file, "line": str(error.line)} if error.file else {}
    issue_command("error", {name: value for name, value in properties.items() if value != "0"}, str(error))


def _set_outputs(outputs: Mapping[str, object]) -> None:
    for name, value in outputs.items():
        if os.environ.get("GITHUB_OUTPUT"):
            issue_file_command("OUTPUT", prepare_key_value_message(name, _text(value)))
        else:
            say(f"{name}={_text(value)}")


def _text(value: object) -> str:
    text = str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return encodable(text)


def _summarize(summary: str) -> None:
    if summary and os.environ.get("GITHUB_STEP_SUMMARY"):
        fitting = summary.encode("utf-8", "replace")[: LONGEST_SUMMARY - 1024].decode(errors="ignore")
        cut = "\n\n… cut here: GitHub shows at most 1 MiB.\n" if fitting != summary else ""
        issue_file_command("STEP_SUMMARY", fitting + cut)
