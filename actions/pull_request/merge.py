"""Merge the pull request of a proposed change by its merge route."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.api.check_reader import CheckReader
from actions.api.checks import CheckVerdict, evaluate_checks
from actions.errors import (
    BaseMovedError,
    ChecksFailedError,
    EjectedError,
    HiddenChecksError,
    NotMergeableError,
    RuleNotMetError,
    TooLateError,
    UnavailableError,
)
from actions.pull_request.opening import require_merged_before
from actions.pull_request.settings import Route
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from actions.api.pulls import MergedCommit, Progress, Pull
    from actions.pull_request.opening import Proposed, Target
    from actions.pull_request.proposal import Proposal
    from actions.pull_request.settings import Settings
    from actions.runner.clock import Clock

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
PATIENCE = 30.0  # seconds in which GitHub may have a check and not list its job yet, or the other way round


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult:
    """How a pull request was merged: by which route, as which commit (None if not yet), past which rules."""

    route: Route
    commit: MergedCommit | None = None
    bypassed: bool = False


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The merge of what was *proposed* for *proposal* into the base of *target*, by the route that *settings* name.

    *merged* is told as soon as GitHub has merged it, whatever fails after that.
    """

    target: Target
    proposed: Proposed
    proposal: Proposal
    settings: Settings
    clock: Clock
    merged: Callable[[MergedCommit | None], None]

    @property
    def pull(self) -> Pull:
        """Return the pull request that is merged."""
        return self.proposed.pull

    def run(self) -> MergeResult:
        """Merge the pull request and delete its branch; raise BaseMovedError if the change must be made again."""
        progress, _ = self._first_progress(), self._method  # a method that the rules forbid needs no waiting
        # Of two runs with one wish, one may have opened, merged and closed its pull request before this one opened its.
        for merged in progress.merged_from_same_branch:
            require_merged_before(self.target.infra, self.target.base, merged)
        route = {Route.DIRECT: self._direct, Route.AUTO: self._auto, Route.QUEUE: self._queue}[self.settings.merge]
        result = route(progress)
        if result.commit:
            say(f"merged {self.pull.url} as {result.commit.sha}")
            branch = self.pull.branch
            self.target.side_work.attempt(
                f"branch {branch} is not deleted", lambda: self.target.infra.delete_branch(branch)
            )
        return result

    def _first_progress(self) -> Progress:
        """Return how far the pull request is; a new one is looked at again only for workflows that may block it."""
        opened = self.proposed.opened
        return opened if opened and not self.target.base.rules.workflows else self._progress()

    def _progress(self) -> Progress:
        return self.target.pulls.progress(self.pull)

    @property
    def _method(self) -> str:
        """Return the merge method that was asked for, else the best that the rules allow.

        Raises RuleNotMetError if the rules forbid it.
        """
        allowed = self.target.base.rules.methods
        asked = self.settings.method
        if asked and asked not in allowed:
            raise RuleNotMetError(
                f"the rules of {self.target.base.branch} forbid merge-method {asked}; they allow {_listed(allowed)}"
            )
        if not allowed:
            raise RuleNotMetError(f"the rules of {self.target.base.branch} allow no merge method")
        return asked or allowed[0]

    def _direct(self, progress: Progress) -> MergeResult:
        self._require_known_rules()
        progress, passed = self._wait_for_checks(progress)
        if progress.merged:
            return MergeResult(route=Route.DIRECT, commit=progress.merged)
        unapproved = bool(self.target.base.rules.approvals) and not progress.approved
        return replace(self._merge_now(), bypassed=unapproved or not passed)

    def _require_known_rules(self) -> None:
        """Raise RuleNotMetError if a direct merge could break a rule other than required approvals.

        The bot's bypass is for approvals alone; GitHub would let it pass every rule of the ruleset.
        """
        rules, branch = self.target.base.rules, self.target.base.branch
        if rules.others:
            raise RuleNotMetError(
                f"{branch} has rules that a direct merge might break ({_listed(rules.others)}); {self._remedy}"
            )
        if rules.last_push_approval and not rules.approvals:
            raise RuleNotMetError(f"{branch} requires approval of the last push; {self._remedy}, or require approvals")

    @property
    def _remedy(self) -> str:
        """Return what to do where this action does not merge; with `auto`, GitHub had nothing left to wait for."""
        return "merge it by hand" if self.settings.merge is Route.AUTO else "set merge to auto"

    def _merge_now(self) -> MergeResult:
        title, message = self._message()
        try:
            commit = self.target.pulls.merge(self.pull, method=self._method, title=title, message=message)
        except NotMergeableError as error:
            progress = self._progress()
            if progress.merged:
                return MergeResult(route=Route.DIRECT, commit=progress.merged)
            moved = progress.head_sha != self.pull.head_sha or progress.state != "OPEN"
            if moved or progress.conflicting or progress.mergeability_unknown:
                raise BaseMovedError(str(error)) from error
            raise
        self.merged(commit)
        if not commit:  # whoever looks again finds it
            raise UnavailableError(f"GitHub has merged {self.pull.url} and does not name the commit")
        return MergeResult(route=Route.DIRECT, commit=commit)

    def _enable_auto_merge(self) -> bool:
        title, message = self._message()
        return self.target.pulls.enable_auto_merge(self.pull, method=self._method, title=title, message=message)

    def _auto(self, progress: Progress) -> MergeResult:
        if self._enable_auto_merge():
            say(f"GitHub merges {self.pull.url} when its rules allow it")
            return MergeResult(route=Route.AUTO)
        return self._direct(progress)

    def _queue(self, progress: Progress) -> MergeResult:
        """Let GitHub put the pull request into its queue when it is ready, and wait until the queue has merged it.

        GitHub enqueues nothing before its checks are green (triagebot merge.rs, rust-lang/triagebot#2449).
        """
        if not progress.queued and not progress.auto_merge and not self._enable_auto_merge():
            self.target.pulls.enqueue(self.pull)
        pauses = _pauses(self.clock)
        queued = progress.queued
        while True:
            waited = next(pauses)
            progress = self._progress()
            queued = queued or progress.queued
            if progress.merged:
                return MergeResult(route=Route.QUEUE, commit=progress.merged)
            if not progress.queued and not progress.auto_merge and (queued or waited > PATIENCE):
                raise EjectedError(f"the merge queue removed {self.pull.url}: {_why_ejected(progress)}")
            where = "in the merge queue" if progress.queued else "not ready for the merge queue"
            if waited >= self.settings.timeout:
                raise TooLateError(f"{self.pull.url} is still {where} after {self.settings.timeout} s")
            say(f"waiting for {self.pull.url}, {where}: {waited:.0f} of {self.settings.timeout} s")

    def _wait_for_checks(self, progress: Progress) -> tuple[Progress, bool]:
        """Return how far the pull request is when every required check has succeeded, and whether all have.

        GitHub would not wait for them in a merge by somebody who may bypass the rules, so we do. *progress* is how far
        it was at first.
        """
        pauses, settings = _pauses(self.clock), self.settings
        last_readable = 0.0
        while True:
            waited = next(pauses)
            progress = self._progress() if waited else progress
            if progress.merged:
                return progress, True
            patient = waited < settings.timeout and waited - last_readable < PATIENCE
            verdict, hidden = self._check_verdict(progress, patient=patient or not settings.wait_for_checks)
            if verdict.passed and self.target.base.rules.workflows and progress.blocked:
                verdict = self._workflow_verdict(progress)
            last_readable = last_readable if hidden else waited
            if verdict.passed or not settings.wait_for_checks:
                return progress, verdict.passed
            if verdict.failed:
                raise ChecksFailedError(f"{self.pull.url} is not merged: {', '.join(verdict.failed)} did not succeed")
            if progress.conflicting or progress.state != "OPEN" or progress.head_sha != self.pull.head_sha:
                raise BaseMovedError(f"{self.pull.url} has changed, or conflicts with its base")
            delay = verdict.delay(self.pull.head_sha[:12])
            if waited >= settings.timeout:
                raise TooLateError(f"{self.pull.url} is not merged: {delay} after {settings.timeout} s")
            say(f"waiting: {delay}: {waited:.0f} of {settings.timeout} s")

    def _check_verdict(self, progress: Progress, *, patient: bool) -> tuple[CheckVerdict, bool]:
        """Return how the required checks stand, and whether GitHub hides any; if *patient*, hidden ones are waited for.

        GitHub may have a check before it lists the job, and the other way round.
        """
        required = self.target.base.required_checks
        if not required:
            return CheckVerdict(), False
        try:
            reported = CheckReader(self.target.infra.client).complete(progress.checks)
        except HiddenChecksError:
            if not patient:
                raise
            return CheckVerdict(waiting=tuple(check.name for check in required)), True
        return evaluate_checks(required, reported, skipped_passes=True), False

    def _workflow_verdict(self, progress: Progress) -> CheckVerdict:
        """Return that required workflows have not finished, as GitHub blocks the merge and nothing else can be missing.

        Raises RuleNotMetError where approvals are missing too: GitHub does not say then which of the two blocks it.
        """
        if self.target.base.rules.approvals and not progress.approved:
            raise RuleNotMetError(
                f"{self.target.base.branch} requires workflows, and whether they succeeded on {self.pull.url} is"
                f" unknown until it is approved; {self._remedy}"
            )
        return CheckVerdict(waiting=("the required workflows",))

    def _message(self) -> tuple[str, str]:
        return f"{self.proposal.title} (#{self.pull.number})", self.proposal.message.partition("\n\n")[2]


def _why_ejected(progress: Progress) -> str:
    failed = [f"{check.name} ({check.conclusion})" for check in progress.checks.shown if check.state == "failure"]
    return ", ".join(failed) or ("it conflicts with its base" if progress.conflicting else "GitHub gives no reason")


def _pauses(clock: Clock) -> Iterator[float]:
    """Yield how many seconds have passed, at first at once, then after ever longer pauses."""
    started, pause = clock.now(), FIRST_PAUSE
    yield 0.0
    while True:
        clock.sleep(pause)
        yield clock.now() - started
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
