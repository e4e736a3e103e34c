"""action-sync-protection: compare the rulesets on GitHub with the files, and apply the files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.retry import retry
from actions.errors import (
    ActionError,
    DriftError,
    EnvFileError,
    GitHubError,
    InputError,
    InvalidRulesetError,
    UnknownFactError,
)
from actions.infra.checkout import Checkout
from actions.infra.layout import require_folder
from actions.protection.lint import RepositoryFacts, lint
from actions.protection.plan import Result, RulesetStep, Verb, find_drift, plan_steps
from actions.protection.report import in_words, summary
from actions.protection.ruleset import differences, parse_ruleset
from actions.protection.store import RulesetStore
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, workspace_root
from actions.runner.event import Event
from actions.runner.inputs import ORGANIZATION, REPOSITORY, Inputs
from actions.runner.log import say
from actions.runner.outcome import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.protection.ruleset import Bypass, Ruleset

UNSET = {"in-sync": False, "drift": [], "changed": []}

LONGEST_TRY = 300


class Mode(StrEnum):
    """What the run does about a difference: fail, show it, or mend it."""

    CHECK = "check"
    PLAN = "plan"
    APPLY = "apply"


class Reason(StrEnum):
    """How the run ends well."""

    IN_SYNC = "in-sync"
    PLANNED = "planned"
    APPLIED = "applied"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action; *target* is the repository, as owner/name, or the organization."""

    mode: Mode
    rulesets_dir: str
    target: str
    prune: bool
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        named, organization = inputs.text("repository"), inputs.text("organization")
        if named and organization:
            raise InputError("give repository or organization, not both")
        if named and not REPOSITORY.fullmatch(named):
            raise InputError(f"input repository is {named[:200]!r}; write it as owner/name")
        if organization and not ORGANIZATION.fullmatch(organization):
            raise InputError(f"input organization is {organization[:200]!r}; it must be the name of one")
        return cls(
            mode=inputs.choice("mode", Mode),
            rulesets_dir=str(require_folder("rulesets-dir", inputs.required("rulesets-dir"))),
            target=organization or named or repository,
            prune=inputs.flag("prune"),
            token=token,
        )


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    store = RulesetStore(Client(settings.target, settings.token))
    files = _files(Checkout(workspace_root()), settings.rulesets_dir, store.scope)

    def read() -> tuple[list[Ruleset], Result]:
        wanted, there = _identified(files, store), store.all()
        return wanted, Result(
            problems=lint(wanted, _facts(store, event, settings.target)),
            drift=find_drift(wanted, there, prune=settings.prune),
            steps=plan_steps(wanted, there, prune=settings.prune),
        )

    wanted, result = retry(read, timeout=LONGEST_TRY, clock=clock)
    errors = _errors(result, settings.mode, wanted)
    if settings.mode is Mode.APPLY and not errors:
        _apply(store, result)
        errors = [result.failure] if result.failure else []
    return _outcome(result, settings, errors)


def _files(checkout: Checkout, folder: str, scope: str) -> list[Ruleset]:
    """Return the rulesets of the files in *folder* of the checkout."""
    names = sorted(path.relative_to(checkout.root).as_posix() for path in checkout.root.glob(f"{folder}/*.json"))
    if not names:
        raise InputError(f"there is no file {PurePosixPath(folder) / '*.json'}; is the repository checked out?")
    try:
        rulesets = [parse_ruleset(checkout.read(name), name, scope=scope) for name in names]
    except EnvFileError as error:
        raise InvalidRulesetError(str(error), file=error.file, line=error.line) from error
    for ruleset in rulesets:
        same_name = [other.file for other in rulesets if other.name == ruleset.name]
        if len(same_name) > 1:
            raise ruleset.error(f"the name '{ruleset.name}' is taken twice: {', '.join(same_name)}", '"name"')
    return rulesets


def _identified(rulesets: Sequence[Ruleset], store: RulesetStore) -> list[Ruleset]:
    """Return *rulesets* with the ids of the actors that their files name."""
    known: dict[tuple[str, str], int] = {}

    def identified(entry: Bypass, ruleset: Ruleset) -> Bypass:
        if not entry.name:
            return entry
        key = (entry.kind, entry.name)
        try:
            known[key] = known.get(key) or store.actor(*key)
        except InputError as error:
            raise ruleset.error(str(error), f'"{entry.name}"') from error
        return replace(entry, number=known[key])

    return [
        replace(ruleset, bypass=tuple(identified(entry, ruleset) for entry in ruleset.bypass or ()))
        for ruleset in rulesets
    ]


def _facts(store: RulesetStore, event: Event, target: str) -> RepositoryFacts | None:
    """Return what the lint needs of a repository; its workflows as this commit has them if the run is in it."""
    if store.scope == "organization":
        return None
    revision = event.sha if target == event.repository else "HEAD"
    return store.facts(revision)


def _errors(result: Result, mode: Mode, wanted: Sequence[Ruleset]) -> list[ActionError]:
    """Return what keeps the run from ending well, the worst first."""
    errors: list[ActionError] = [
        problem.ruleset.error(problem.message, problem.at) for problem in result.problems if problem.fatal
    ]
    files = {ruleset.name: ruleset.file for ruleset in wanted}
    for name in dict.fromkeys(item.ruleset for item in result.drift) if mode is Mode.CHECK else ():
        known = [item for item in result.drift if item.ruleset == name and item.kind != "unknown"]
        if known:
            text = "; ".join(map(in_words, known))
            errors.append(DriftError(f"ruleset '{name}': {text}", file=files.get(name, ""), line=1))
    if mode is not Mode.PLAN:
        errors += [
            UnknownFactError(
                f"ruleset '{item.ruleset}': this token cannot read its bypass actors; it needs 'administration: write'",
                file=files[item.ruleset],
                line=1,
            )
            for item in result.drift
            if item.kind == "unknown"
        ]
    return errors


def _apply(store: RulesetStore, result: Result) -> None:
    """Take the steps; at the first that fails, keep why, and what was done until then."""
    numbers: dict[str, int] = {}
    for index, step in enumerate(result.steps, start=1):
        say(f"[{index}/{len(result.steps)}] {step}")
        try:
            numbers[step.ruleset.name] = _take(store, step, numbers)
        except (GitHubError, DriftError) as error:
            result.failure = error
            return
        result.done.append(step)


def _take(store: RulesetStore, step: RulesetStep, numbers: Mapping[str, int]) -> int:
    """Take one step, and hold what GitHub made of it against what it was to be."""
    if step.verb is Verb.DELETE:
        store.delete(step.number or numbers[step.ruleset.name])
        return 0
    made = store.create(step.ruleset) if step.verb is Verb.CREATE else store.update(step.number, step.ruleset)
    other = [item for item in differences(step.ruleset, made) if item.kind != "unknown"]
    if other:
        text = "; ".join(map(in_words, other))
        raise DriftError(f"GitHub made something else of '{step.ruleset.name}': {text}", file=step.ruleset.file, line=1)
    return made.number


def _outcome(result: Result, settings: Settings, errors: Sequence[ActionError]) -> Outcome:
    left = [step for step in result.steps if step not in result.done]
    in_sync = not left and not errors and (not result.drift or settings.mode is Mode.APPLY)
    reason = Reason.APPLIED if result.done else Reason.IN_SYNC if in_sync else Reason.PLANNED
    stopped = [f"stopped after {len(result.done)} of {len(result.steps)} steps; run it again to finish"]
    return Outcome(
        outputs={
            "in-sync": in_sync,
            "drift": [difference.to_json() for difference in result.drift],
            "changed": [
                {"ruleset": step.ruleset.name, "action": f"{step.verb}d"} for step in result.done if not step.guards
            ],
            "reason": errors[0].reason if errors else reason,
        },
        notice=_notice(result, settings.target, in_sync=in_sync),
        summary=summary(result, settings.target, settings.mode, failed=bool(errors), in_sync=in_sync),
        warnings=tuple(
            [f"{problem.ruleset.file}: {problem.message}" for problem in result.problems if not problem.fatal]
            + (stopped if result.failure and result.done else [])
        ),
        errors=tuple(errors),
    )


def _notice(result: Result, target: str, *, in_sync: bool) -> str:
    if result.done:
        return f"{target}: {', '.join(map(str, result.done))}"
    if in_sync:
        return f"the rulesets of {target} match the files"
    return f"{target}: to do: {', '.join(map(str, result.steps)) or 'cannot read bypass actors with this token'}"
