"""The runner: inputs, outputs, summary, annotations, masks. No other module knows of it.

Inputs arrive as INPUT_<NAME> with underscores, because a composite action has to hand them over itself and hyphens in
the names of environment variables do not survive every shell.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from actions_toolkit.command import issue_command
from actions_toolkit.file_command import issue_file_command, prepare_key_value_message

from actions.errors import ActionError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

    Choice = TypeVar("Choice", bound=StrEnum)

LONGEST_WAIT = 6 * 60 * 60  # a job of a hosted runner ends then
# GitHub drops a step summary of more than 1 MiB (docs.github.com, "Workflow commands for GitHub Actions").
LONGEST_SUMMARY = 1024 * 1024
# git-check-ref-format(1), and nothing that has to be written otherwise in an address.
BRANCH_NAME = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|\.(?:/|$)))[A-Za-z0-9_][A-Za-z0-9._/+#@-]{0,199}(?<!/)")
MARKUP = {ord(character): f"&#{ord(character)};" for character in "&<>\\`*_[]#|~@!:"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a run ends: its outputs, one line for the log, and what a person reads in the job summary.

    With *errors* it fails, by the first of them, and says no more than they do.
    """

    outputs: Mapping[str, object]
    notice: str
    summary: str = ""
    warnings: tuple[str, ...] = ()
    errors: tuple[ActionError, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of this run, each read by the name it has in action.yml."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def text(self, name: str) -> str:
        """Return the input *name* without blanks around it, "" if it is not given."""
        return self.environment.get(f"INPUT_{name.replace('-', '_').upper()}", "").strip()

    def required(self, name: str) -> str:
        """Return the input *name*; raise InputError if it is not given (GitHub does not look)."""
        value = self.text(name)
        if not value:
            raise InputError(f"input {name} is required")
        return value

    def branch(self, name: str) -> str:
        """Return the input *name*, the name of a branch or ""; raise InputError if no branch can be called so."""
        value = self.text(name)
        if value and not BRANCH_NAME.fullmatch(value):
            raise InputError(f"input {name} is {value[:200]!r}; that is no name of a branch")
        return value

    def flag(self, name: str) -> bool:
        """Return the input *name* as a boolean; raise InputError unless it is `true` or `false`."""
        value = self.text(name)
        if value not in ("true", "false"):
            raise InputError(f"input {name} is {value!r}; it can be true or false")
        return value == "true"

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """Return the input *name* as one of *choices*; raise InputError, naming them, if it is none."""
        value = self.text(name)
        if value not in set(choices):
            raise InputError(f"input {name} is {value!r}; it can be {', '.join(choices)}")
        return choices(value)

    def seconds(self, name: str) -> int:
        """Return the input *name* as a number of seconds; raise InputError if it is none."""
        value = self.text(name)
        if not value.isdecimal() or len(value) > len(str(LONGEST_WAIT)) or int(value) > LONGEST_WAIT:
            raise InputError(f"input {name} is {value[:200]!r}; it must be a number of seconds, at most {LONGEST_WAIT}")
        return int(value)

    def lines(self, name: str) -> list[str]:
        """Return the lines of the input *name* that are not blank."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def names(self, name: str) -> list[str]:
        """Return the names that the input *name* lists, separated by commas, blanks or line ends."""
        return self.text(name).replace(",", " ").split()

    def secret(self, name: str) -> str:
        """Return the input *name* after telling the runner to mask it; raise InputError if it is not given."""
        value = self.required(name)
        issue_command("add-mask", {}, value)
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"input {name} holds characters that no token has")
        return value


def run(action: Callable[[], Outcome], *, unset: Mapping[str, object]) -> int:
    """Run *action*, tell the runner how it ended, and return the exit code.

    *unset* are the outputs of a run that fails, so that they are there on every path; `reason` says why it failed.
    An ActionError is the user's to mend and shows no traceback. Anything else is ours, and does.
    """
    # A Windows console need not be UTF-8, and a summary is.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        outcome = action()
    except ActionError as error:
        return _failed(error, unset)
    except Exception:
        _set_outputs({**unset, "reason": "internal-error"})
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


def say(text: str) -> None:
    """Print *text* to the log at once; nothing in it is taken for a workflow command.

    The runner looks for `::` at the start of a line, and for `##[` anywhere in it.
    """
    for line in text.splitlines():
        harmless = line.replace("##[", "#\u200b#[")
        harmless = f"\u200b{harmless}" if harmless.lstrip().startswith("::") else harmless
        print(_encodable(harmless), flush=True)  # noqa: T201 - this module is the one that prints


def event_payload(environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return the payload of the event that started the run, {} if there is none."""
    path = environment.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    payload = json.loads(Path(path).read_text(encoding="utf-8"))
    return payload if isinstance(payload, dict) else {}


def workspace_root() -> Path:
    """Return the folder of the caller's checkout."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def markdown(text: str) -> str:
    """Return *text* with nothing in it that Markdown or HTML would act on, on one line, as for a cell of a table."""
    return " ".join(text.split()).translate(MARKUP)


def _failed(error: ActionError, unset: Mapping[str, object]) -> int:
    _annotate(error)
    _set_outputs({**unset, "reason": error.reason})
    _summarize(f"❌ **{error.reason}**: {markdown(str(error))}\n")
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
    return _encodable(text)


def _encodable(text: str) -> str:
    """Return *text* without the half characters that JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _summarize(summary: str) -> None:
    if summary and os.environ.get("GITHUB_STEP_SUMMARY"):
        fitting = summary.encode("utf-8", "replace")[: LONGEST_SUMMARY - 1024].decode(errors="ignore")
        cut = "\n\n… cut here: GitHub shows at most 1 MiB.\n" if fitting != summary else ""
        issue_file_command("STEP_SUMMARY", fitting + cut)
