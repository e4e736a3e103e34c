"""Collect the changes of one environment: every commit of the branch that touched it, oldest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from actions.api.repository import Repository
from actions.app.order import Order
from actions.app.release import Release
from actions.errors import AccessError, EnvFileError
from actions.evidence.branch import BranchReader
from actions.evidence.branch_history import BranchHistory, movements, rewrites
from actions.evidence.deployments import DeploymentReader
from actions.evidence.effective_policy import EffectivePolicy
from actions.evidence.facts import ChangeFacts, Deployment, Kind
from actions.evidence.files import FileReader
from actions.evidence.moves import MoveReader
from actions.evidence.pushers import Pushers, activity_of
from actions.evidence.rules import SUITES_KEPT
from actions.evidence.timestamps import FORMAT, earlier
from actions.evidence.unknowns import Unknowns
from actions.gates import trailers
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from actions.api.client import Client
    from actions.evidence.deployments import DeploymentRecord
    from actions.evidence.environment_files import EnvironmentFiles
    from actions.evidence.facts import Move, Movement, Rewrite, Rules, Suite
    from actions.evidence.files import CommitWithFiles, Versions
    from actions.evidence.rules import RulesReader
    from actions.infra.layout import Layout

COMMITS_PER_BATCH = 20
# The last push to a pull request may be long before its merge.
PUSHED_BEFORE = timedelta(days=90)
EVALUATIONS = "rule evaluations"


@dataclass(kw_only=True)
class Collector:
    """Read the infra repository and the app repositories for changes after the commit *begins* ("": all changes)."""

    infra: Client
    rules: RulesReader
    files: EnvironmentFiles
    branch: str
    begins: str
    now: datetime
    app_repo: str
    app_token: str = field(repr=False)
    last_tags: dict[str, str] = field(default_factory=dict)
    _unknown: Unknowns = field(default_factory=Unknowns, repr=False)
    _paths: dict[str, None] = field(default_factory=dict, repr=False)
    _history: BranchHistory = field(default_factory=lambda: BranchHistory.of(()), repr=False)
    _records: list[DeploymentRecord] = field(default_factory=list, repr=False)
    _in_force: list[DeploymentRecord] = field(default_factory=list, repr=False)
    _movements: dict[str, Movement] = field(default_factory=dict, repr=False)
    _suites: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _is_deployer: Callable[[str], bool] = field(default=lambda _: True, repr=False)

    def __post_init__(self) -> None:
        """Set up the readers."""
        self._branches, self._files = BranchReader(self.infra), FileReader(self.infra)
        self._deployments = DeploymentReader(self.infra)
        self._pushers = Pushers("", self._unknown)
        self._moves = MoveReader(self.files, self.app_repo, self.app_token, self._unknown, self.last_tags)

    def prefetch(self, since: str) -> None:
        """Read deployments, branch activity and rule evaluations *since* a moment, for all changes at once.

        Call `population` first. Facts that the token cannot read become unknown facts of every change.
        """
        self._pushers = Pushers(earlier(since, PUSHED_BEFORE), self._unknown)
        self._records = self._deployments.records(self.files.env, since, self._is_deployer)
        self._in_force = [record for record in self._records if record.succeeded_at and record.counts]
        self._movements = movements(self._pushers.activity(self.infra), self.branch, self._history)
        self._suites = self._unknown.read(EVALUATIONS, self.rules.suites, {})

    def begin(self, since: str) -> None:
        """Let the evidence begin with the commits made *since* a moment; call `population` afterwards."""
        self._history = self._branches.history(self.branch)
        self.begins = self._history.before(since) if since else ""

    def population(self, config: str) -> dict[str, str]:
        """Return the commits that may have changed the environment, with their commit dates, oldest first.

        They touched `gitops.yml` or an env file, by the layout in *config* or in any earlier `gitops.yml`. The history
        of a file omits a merge that took the file unchanged from one parent, however old (git-log(1), "History
        Simplification"), so merges are compared separately.
        """
        self._is_deployer = _deployers(config)
        self._history = self._history if self._history.position else self._branches.history(self.branch)
        commits = dict(self._branches.commits(self.branch, PATH))
        for layout in dict.fromkeys(map(self.files.layout, [config, *self._files.texts([*commits], PATH)])):
            commits |= (
                self._touching_services(layout) if layout.per_service else self._touching(layout.paths(self.files.env))
            )
        before = self._history.ancestors(self.begins)
        merges = [sha for sha in self._history.merges_without(commits) if sha not in before]
        altered = self._files.altered(merges, [*self._paths, PATH])
        commits |= {sha: self._history.made[sha] for sha in altered}
        return {sha: commits[sha] for sha in self._history.sorted([sha for sha in commits if sha not in before])}

    def _touching(self, paths: Sequence[str]) -> dict[str, str]:
        commits = {path: dict(self._branches.commits(self.branch, path)) for path in paths}
        self._paths |= {path: None for path, of_path in commits.items() if of_path}
        return {sha: at for of_path in commits.values() for sha, at in of_path.items()}

    def _touching_services(self, layout: Layout) -> dict[str, str]:
        """Return the commits that touched a file of a service, including services that were removed.

        GitHub lists the commits of a folder but not of a pattern, so the files of every such commit are read.
        """
        commits: dict[str, str] = {}
        for pattern in layout.patterns:
            folder = pattern.partition("{")[0].rpartition("/")[0]
            for sha, at in self._branches.commits(self.branch, folder):
                touched = self._files.touched(sha)
                own = [path for path in touched if (layout.owner(path) or ("",))[0] == self.files.env]
                self._paths |= dict.fromkeys(own)
                commits |= {sha: at} if own else {}
        return commits

    @property
    def is_known(self) -> bool:
        """Tell whether the *population* found any file of the environment."""
        return bool(self._paths)

    def tags_now(self, head: str) -> dict[str, str]:
        """Return the tags of the environment at the commit *head*."""
        try:
            return self.files.tags(Repository(self.infra).files_at(head, [*self._paths, PATH]) or {})
        except EnvFileError:
            return {}  # a binary file has no tags

    def rewrites(self) -> list[Rewrite]:
        """Return the updates by which the branch lost commits or regained lost ones; call `prefetch` first."""
        return rewrites(self._pushers.activity(self.infra), self.branch, self._history)

    def stray_deployments(self) -> list[DeploymentRecord]:
        """Return the successful deployments, oldest first, of commits that were not on the branch at the time.

        And those that others than the pipeline recorded, who may have deployed anything. Call `prefetch` first.
        """
        succeeded = [record for record in self._records[::-1] if record.succeeded_at]
        return [r for r in succeeded if not r.counts or r.sha not in self._history.position or self._is_early(r)]

    def _is_early(self, record: DeploymentRecord) -> bool:
        """Tell whether the commit was deployed before it came to the branch."""
        movement = self._movements.get(record.sha)
        return movement is not None and record.succeeded_at < movement.at

    def deployments_of(self, sha: str, services: Sequence[str]) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
        """Return the deployments that brought *services*, as of the commit *sha*, and the services not yet deployed.

        The first deployment that contains the commit counts: of the service, of the whole environment or, for the
        service "", of anything in it.
        """
        later = [
            record
            for record in self._in_force[::-1]
            if self._history.contains(record.sha, sha) and not self._is_early(record)
        ]

        def reaches(record: DeploymentRecord, service: str) -> bool:
            _, _, part = record.name.partition("/")
            return not part or not service or part.casefold() == service.casefold()

        first = {service: next((record for record in later if reaches(record, service)), None) for service in services}
        reached = {record.number: self._deployment(record) for record in first.values() if record}
        return tuple(reached.values()), tuple(service for service, record in first.items() if not record)

    def _deployment(self, record: DeploymentRecord) -> Deployment:
        same = [r for r in self._records if (r.sha, r.name) == (record.sha, record.name)]
        failed = [r for r in same if r.counts and not r.succeeded_at]
        return Deployment(
            id=record.number,
            environment=record.name,
            sha=record.sha,
            creator=record.creator,
            created_at=record.created_at,
            succeeded_at=record.succeeded_at,
            failed_before=len(failed),
            url=record.url,
            run=self._unknown.read(_run_of(record.url), lambda: self._deployments.run(record.url, record.sha), None),
        )

    def are_changes(self, shas: Sequence[str]) -> list[str]:
        """Return the changes among *shas*, which are of the *population*; this reads only files."""
        versions = self._files.versions(shas, [*self._paths, PATH])
        return [
            sha for sha, version in versions.items() if self._is_change(version, EffectivePolicy.of(version, self.env))
        ]

    @property
    def env(self) -> str:
        """Return the name of the environment."""
        return self.files.env

    def _is_change(self, versions: Versions, policy: EffectivePolicy) -> bool:
        """Tell whether a commit changes the environment or the rules for it."""
        return policy.changed or self.files.own(versions.before) != self.files.own(versions.after)

    def changes(self, shas: Sequence[str]) -> Iterator[list[ChangeFacts]]:
        """Yield the changes among *shas*, which are of the *population*, in batches."""
        for start in range(0, len(shas), COMMITS_PER_BATCH):
            batch = shas[start : start + COMMITS_PER_BATCH]
            commits = self._files.commits(batch, [*self._paths, PATH], self.branch)
            self._moves.prefetch(commits)
            yield [change for commit in commits if (change := self._change(commit))]

    def _change(self, source: CommitWithFiles) -> ChangeFacts | None:
        policy = EffectivePolicy.of(source, self.env)
        if not self._is_change(source, policy):
            return None
        unknown = Unknowns(dict(policy.unknown))
        commit = self._pushers.with_pusher(source.commit, self.infra, unknown)
        moves = self._moves.moves(source, policy, self._pushers, unknown)
        rules = self._rules(commit.pull.merged_at if commit.pull else commit.at, unknown)
        suite = self._suite(source, unknown) if source.parents else None
        if rules and source.parents and not suite and EVALUATIONS not in unknown.why:
            unknown.add(EVALUATIONS, "GitHub has none for this commit")
        deployments, undeployed = self.deployments_of(commit.sha, self.files.services_to_deploy(source))
        for name in (activity_of(self.infra.name), *(_run_of(deployment.url) for deployment in deployments)):
            unknown.take(name, self._unknown)
        movement = self._movements.get(commit.sha)
        if source.parents and not movement and activity_of(self.infra.name) not in unknown.why:
            unknown.add(f"the push or merge that brought {commit.sha[:12]} to {self.branch}")
        self._add_unreadable(source, unknown)
        reasons = trailers.read(source.message)
        override = commit.pull.freeze_override if commit.pull else ""
        return ChangeFacts(
            environment=self.env,
            commit=commit,
            parents=source.parents,
            kind=self._kind(source, moves),
            needs_review=policy.needs_review,
            reason=reasons.reason or reasons.allow_diverged or reasons.freeze_override or override,
            bots=policy.bots,
            moves=moves,
            tags_before=self.files.tags(source.before),
            tags=self.files.tags(source.after),
            checks_required=tuple(dict.fromkeys(check for rule in rules or () for check in rule.required_checks)),
            rules=rules,
            suite=suite,
            movement=movement,
            deployments=deployments,
            undeployed=undeployed,
            unknown=unknown.in_words(),
        )

    def _add_unreadable(self, source: CommitWithFiles, unknown: Unknowns) -> None:
        own = self.files.own(source.after)
        for path in filter(own.__contains__, source.unreadable):
            unknown.add(f"the content of {path}", "it is not a text file")
        for texts in (source.before, source.after):
            for path, problem in self.files.problems(texts):
                unknown.add(f"the content of {path}", problem)

    def _kind(self, source: CommitWithFiles, moves: Sequence[Move]) -> Kind:
        if source.commit.sha == self._history.first and not self.rewrites():
            return Kind.FIRST
        has_reason = bool(trailers.read(source.message).reason)
        back = (Order.BEHIND, *((Order.DIVERGED, Order.UNKNOWN) if has_reason else ()))
        if any(move.order in back for move in moves):
            return Kind.ROLLBACK
        if any(move.released == Release.HOTFIX for move in moves):
            return Kind.HOTFIX
        return Kind.UPDATE if moves else Kind.SETTINGS

    def _rules(self, moment: str, unknown: Unknowns) -> tuple[Rules, ...] | None:
        try:
            return self.rules.at(moment)
        except AccessError as error:
            unknown.add("rules in force", str(error))
            return None

    def _suite(self, source: CommitWithFiles, unknown: Unknowns) -> Suite | None:
        """Return GitHub's rule evaluation of the commit, or of the merge that brought it."""
        commit = source.commit
        merge = commit.pull.merge_commit if commit.pull else commit.sha
        listed = self._suites.get(commit.sha) or self._suites.get(merge)
        if listed:
            return self._unknown.read(EVALUATIONS, lambda: self.rules.suite(listed), None)
        unknown.take(EVALUATIONS, self._unknown)
        if EVALUATIONS not in self._unknown.why and commit.at < f"{self.now - SUITES_KEPT:{FORMAT}}":
            unknown.add(EVALUATIONS, "GitHub keeps them for a month")
        return None


def _deployers(config: str) -> Callable[[str], bool]:
    """Return whose deployment records count, by the `gitops.yml` *config*; anybody's if it cannot be read."""
    try:
        return parse_config(config).is_deployer
    except EnvFileError:
        return Config().is_deployer


def _run_of(url: str) -> str:
    """Name the workflow run at *url* as an unknown fact."""
    return f"workflow run {url}"
