"""Collect the changes of one environment: every commit of the branch that touched it, oldest first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from actions.api.repository import Repository
from actions.app.facts import Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.errors import EnvFileError
from actions.evidence.branch_history import movements, rewrites
from actions.evidence.deployed import Deployed, run_of
from actions.evidence.deployments import DeploymentReader
from actions.evidence.effective_policy import EffectivePolicy
from actions.evidence.facts import ChangeFacts, Kind, OtherCommit, Suite
from actions.evidence.files import FileReader
from actions.evidence.holds import HoldHistory
from actions.evidence.ledger import Known
from actions.evidence.moves import MoveReader
from actions.evidence.news import Ruleset
from actions.evidence.other_commits import OtherCommitReader
from actions.evidence.pushers import Pushers, activity_of
from actions.evidence.rules import SUITES_KEPT
from actions.evidence.runs import RunReader
from actions.evidence.timestamps import FORMAT, earlier
from actions.evidence.unknowns import Unknowns
from actions.evidence.verdicts import VerdictReader
from actions.gates import trailers
from actions.gates.approval import find_doubts
from actions.gates.emergency import EmergencyTeam
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from actions.api.client import Client
    from actions.evidence.activity import Activity
    from actions.evidence.facts import CommitFacts, Deployment, LiftedHold, Listing, Move, Movement, Rewrite
    from actions.evidence.files import CommitWithFiles, Versions
    from actions.evidence.news import News
    from actions.evidence.other_commits import SeenCommit
    from actions.evidence.population import Population
    from actions.evidence.rules import RulesReader

COMMITS_PER_BATCH = 50
# The last push to a pull request may be long before its merge.
PUSHED_BEFORE = timedelta(days=90)
EVALUATIONS = "rule evaluations"
PUSHES = ("push", "force_push")
RULES = "rules in force"
HOLDS = "who lifted holds"


@dataclass(kw_only=True)
class Collector:
    """Read the infra repository and the app repositories for the changes among *commits*."""

    infra: Client
    rules: RulesReader
    commits: Population
    now: datetime
    app_repo: str
    app_token: str = field(repr=False)
    last_tags: dict[str, str] = field(default_factory=dict)
    rewrites: list[Rewrite] = field(default_factory=list, init=False, repr=False)
    _unknown: Unknowns = field(default_factory=Unknowns, repr=False)
    _known: Known = field(default_factory=Known, repr=False)
    _listing: Listing | None = field(default=None, init=False, repr=False)
    _news: News | None = field(default=None, init=False, repr=False)
    _movements: dict[str, Movement] = field(default_factory=dict, repr=False)
    _suites: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _config: Config = field(default_factory=Config, repr=False)

    def __post_init__(self) -> None:
        """Set up the readers."""
        self.branch, self.files = self.commits.branch, self.commits.files
        self._deployments = DeploymentReader(self.infra)
        self._pushers = Pushers("", self._unknown)

    def prefetch(self, since: str) -> None:
        """Read deployments, branch activity and rule evaluations *since* a moment, for all changes at once.

        Call `population` first, or `resume`: then they are read no further back than they may be new. Facts that the
        token cannot read become unknown facts of every change. Sets *rewrites*, the updates by which the branch lost
        commits or regained lost ones, and *deployed*.
        """
        self._pushers = Pushers(earlier(since, PUSHED_BEFORE), self._unknown)
        first, back_to = self._news.deployments if self._news else None, since
        if self._listing:
            back_to = max(since, self._listing.since)
        records = self._deployments.records(self.files.env, back_to, self._config.is_deployer, first)
        updates: list[Mapping[str, Any]] = self._pushers.read(self.infra, self._updates, [])
        self._movements = movements(updates, self.branch, self.commits.history)
        self.rewrites = rewrites(updates, self.branch, self.commits.history)
        self.deployed = Deployed(
            records=records,
            runs=RunReader(self.infra, self.branch),
            unknown=self._unknown,
            history=self.commits.history,
            movements=self._movements,
            known=self._known,
        )
        self.deployed.prefetch()
        wanted = self.commits.after(self._listing.head) if self._listing else None
        self._suites = self._unknown.read(EVALUATIONS, lambda: self.rules.suites(wanted), {})

    def _updates(self, activity: Activity) -> list[Mapping[str, Any]]:
        if not self._listing:
            return [*activity.since(self._pushers.earliest)]
        head = (f"refs/heads/{self.branch}", self._listing.head)
        return activity.until(lambda update: (update["ref"], update["after"]) == head)

    def population(self, config: str, head: str) -> dict[str, str]:
        """Return the commits that may have changed the environment, with their commit dates, oldest first.

        *config* is the text of `gitops.yml` at the commit *head* of the branch.
        """
        self._begin(config, head)
        return self.commits.find(config)

    def resume(self, news: News, listing: Listing, known: Known) -> dict[str, str]:
        """Return those of *news* since *listing* that may have changed the environment; see `population`.

        What is *known* is not asked for again.
        """
        self._begin(news.files.get(PATH, ""), news.head)
        if news.rulesets == {rules.id: Ruleset.of(rules) for rules in known.rules}:
            self.rules.assume(known.rules)
        self._news, self._known, self._listing = news, known, listing
        return self.commits.resume(news, listing.paths)

    def _begin(self, config: str, head: str) -> None:
        brought = self.commits.brought
        self._config, layout = _parsed(config), self.files.layout(config)
        tickets = (self._config.tickets, self._config.environment(self.env).ticket)
        self._files = FileReader(self.infra, tickets, brought)
        self._moves = MoveReader(self.files, self.app_repo, self.app_token, self._unknown, self.last_tags, tickets)
        self._holds = HoldHistory(self.infra, self.env)
        self._others = OtherCommitReader(self.infra, self.branch, self._config, layout, brought, self.commits.listed)
        apps = (self.app_repo, self.app_token)
        self._verdicts = VerdictReader(Repository(self.infra), self._config, layout, head, self._holds, *apps)

    def look_at_others(self, known: Collection[str], since: str) -> tuple[list[OtherCommit], dict[str, str]]:
        """Look at the commits after the commit *since*; those *known* may have changed the environment.

        Return the others that were pushed, bypassed a rule or were not approved; and, of all, those that touched a file
        of the environment that was not looked at, as one whose name differs in case. It is looked at from now on. Call
        `prefetch` first.
        """
        new = self.commits.after(since)
        others = [*self._others.read([sha for sha in new if sha not in known])]
        touched = {commit.commit.sha: commit.touched for commit in others}
        touched |= self._others.touched([sha for sha in new if sha in known])
        own = {
            sha: [path for path in touched.get(sha, ()) if self.files.owns(self._others.layout, path)] for sha in new
        }
        looked_at = {*self.commits.paths}
        changes = {sha: self.commits.history.made[sha] for sha in new if not looked_at.issuperset(own[sha])}
        for sha in changes:
            self.commits.add(own[sha])
        suspects = [
            commit
            for commit in others
            if not own[commit.commit.sha]
            and not commit.is_first
            and (not commit.is_approved or self._went_past(commit.commit))
        ]
        free = self._others.that_need_no_review(suspects)
        return [self._other(commit, needs_review=commit.commit.sha not in free) for commit in suspects], changes

    def _went_past(self, commit: CommitFacts) -> bool:
        """Tell whether *commit* was pushed, or bypassed a rule."""
        movement, listed = self._movements.get(commit.sha), self._listed(commit)
        return bool(movement and movement.kind in PUSHES) or bool(listed and listed["result"] == "bypass")

    def _other(self, seen: SeenCommit, *, needs_review: bool) -> OtherCommit:
        unknown = Unknowns()
        commit = self._pushers.with_pusher(seen.commit, self.infra, unknown) if needs_review else seen.commit
        listed, said = self._listed(commit), trailers.read(seen.message)
        bypassed = bool(listed and listed["result"] == "bypass")
        return OtherCommit(
            commit=commit,
            needs_review=needs_review,
            reason=said.why,
            bots=self._config.bots,
            suite=self._suite(commit, unknown) if bypassed else None,
            movement=self._movements.get(commit.sha),
            unknown=unknown.in_words(),
        )

    def tags_now(self, head: str) -> dict[str, str]:
        """Return the tags of the environment at the commit *head*."""
        try:
            return self.files.tags(Repository(self.infra).files_at(head, self.commits.paths) or {})
        except EnvFileError:
            return {}  # a binary file has no tags

    def lifted_holds(self, since: str) -> list[LiftedHold]:
        """Return the holds that somebody lifted *since* a moment, none unless `gitops.yml` says `hold: issues`."""
        if not self._config.hold:
            return []
        return self._unknown.read(HOLDS, lambda: self._holds.lifted(self.last_tags, since), [])

    def are_changes(self, shas: Sequence[str]) -> list[str]:
        """Return the changes among *shas*, which are of the *population*; this reads only files."""
        versions = self._files.versions(shas, self.commits.paths)
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
            commits = self._files.commits(batch, self.commits.paths, self.branch)
            self._moves.prefetch(commits)
            listed = [listed for commit in commits if (listed := self._listed(commit.commit))]
            self._unknown.read(EVALUATIONS, lambda listed=listed: self.rules.prefetch(listed), None)  # type: ignore[misc]
            yield [change for commit in commits if (change := self._change(commit))]

    def _change(self, source: CommitWithFiles) -> ChangeFacts | None:
        policy = EffectivePolicy.of(source, self.env)
        if not self._is_change(source, policy):
            return None
        unknown = Unknowns(dict(policy.unknown))
        commit = self._pushers.with_pusher(source.commit, self.infra, unknown)
        moves = self._moves.moves(source, policy, self._pushers, unknown)
        suite = self._suite(commit, unknown) if source.parents else None
        rules = self._unknown.read(RULES, lambda: self.rules.at(_came_at(commit), suite), None)
        unknown.take(RULES, self._unknown)
        deployments, undeployed = self.deployed.of(commit.sha, self.files.services_to_deploy(source))
        for name in (activity_of(self.infra.name), *(run_of(deployment.url) for deployment in deployments)):
            unknown.take(name, self._unknown)
        movement = self._movements.get(commit.sha)
        if source.parents and not movement and activity_of(self.infra.name) not in unknown.why:
            unknown.add(f"the push or merge that brought {commit.sha[:12]} to {self.branch}")
        self._add_unreadable(source, unknown)
        reasons = trailers.read(source.message)
        override = commit.pull.freeze_override if commit.pull else ""
        change = ChangeFacts(
            environment=self.env,
            commit=commit,
            parents=source.parents,
            kind=self._kind(source, moves),
            needs_review=policy.needs_review,
            reason=reasons.why or override,
            bots=policy.bots,
            moves=moves,
            tags_before=self.files.tags(source.before),
            tags=self.files.tags(source.after),
            ticket=policy.ticket,
            asked_in_emergency=self._asked_in_emergency(commit, policy, unknown),
            checks_required=tuple(dict.fromkeys(check for rule in rules or () for check in rule.required_checks)),
            rules=rules,
            suite=suite,
            movement=movement,
            deployments=deployments,
            undeployed=undeployed,
            unknown=unknown.in_words(),
        )
        return replace(change, deployments=self._with_verdicts(change, deployments, policy))

    def _asked_in_emergency(self, commit: CommitFacts, policy: EffectivePolicy, unknown: Unknowns) -> bool:
        """Tell whether the bot made all of *commit*'s pull request for those who may roll back without a review."""
        rule, pull, is_bot = policy.emergency, commit.pull, Config(bots=policy.bots).is_listed_bot
        if not rule or not pull or not pull.requesters or not all(is_bot(own.author) for own in pull.commits):
            return False
        if find_doubts(pull.commits, by_bot=True, is_listed_bot=is_bot):
            return False
        asked = EmergencyTeam(self.infra).may_ask(rule, pull.requesters)
        if isinstance(asked, Unknown):
            unknown.add(asked.missing)
        return asked is True

    def later_deployments(self, change: ChangeFacts) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
        """Return the deployments of *change* that are not recorded yet, and the services not yet deployed."""
        found, missing = self.deployed.of(change.commit.sha, change.undeployed)
        known = {deployment.id for deployment in change.deployments}
        new = tuple(deployment for deployment in found if deployment.id not in known)
        if not new:
            return (), missing
        versions = self._files.versions([change.commit.sha], self.commits.paths)
        policy = EffectivePolicy.of(versions[change.commit.sha], self.env)
        return self._with_verdicts(change, new, policy), missing

    def _with_verdicts(
        self, change: ChangeFacts, deployments: Sequence[Deployment], policy: EffectivePolicy
    ) -> tuple[Deployment, ...]:
        if change.kind is Kind.FIRST:
            return tuple(deployments)
        verdicts = self._verdicts.verdicts
        return tuple(
            d if d.adopted else replace(d, verdicts=verdicts(change, d, policy.environments)) for d in deployments
        )

    def _add_unreadable(self, source: CommitWithFiles, unknown: Unknowns) -> None:
        own = self.files.own(source.after)
        for path in filter(own.__contains__, source.unreadable):
            unknown.add(f"the content of {path}", "it is not a text file")
        for texts in (source.before, source.after):
            for path, problem in self.files.problems(texts):
                unknown.add(f"the content of {path}", problem)

    def _kind(self, source: CommitWithFiles, moves: Sequence[Move]) -> Kind:
        if source.commit.sha == self.commits.history.first and not self.rewrites:
            return Kind.FIRST
        has_reason = bool(trailers.read(source.message).reason)
        back = (Order.BEHIND, *((Order.DIVERGED, Order.UNKNOWN) if has_reason else ()))
        if any(move.order in back for move in moves):
            return Kind.ROLLBACK
        if any(move.released == Release.HOTFIX for move in moves):
            return Kind.HOTFIX
        return Kind.UPDATE if moves else Kind.SETTINGS

    def _suite(self, commit: CommitFacts, unknown: Unknowns) -> Suite | None:
        """Return GitHub's rule evaluation of the commit, or of the merge that brought it; None if it is unknown."""
        listed = self._listed(commit)
        if listed:
            suite = self._unknown.read(EVALUATIONS, lambda: self.rules.suite(listed), None)
            unknown.take(EVALUATIONS, self._unknown)
            return suite
        unknown.take(EVALUATIONS, self._unknown)
        if EVALUATIONS in self._unknown.why:
            return None
        if _came_at(commit) < f"{self.now - SUITES_KEPT:{FORMAT}}":
            unknown.add(EVALUATIONS, "GitHub keeps them for a month")
            return None
        if not self._suites and self.rules.at(_came_at(commit), None):
            unknown.add(EVALUATIONS, "GitHub lists none at all, which not every plan has")
            return None
        return Suite(id=0, result="none", actor="", at="", evaluated=())

    def _listed(self, commit: CommitFacts) -> Mapping[str, Any] | None:
        merge = commit.pull.merge_commit if commit.pull else commit.sha
        return self._suites.get(commit.sha) or self._suites.get(merge)


def _came_at(commit: CommitFacts) -> str:
    return commit.pull.merged_at if commit.pull else commit.at


def _parsed(config: str) -> Config:
    """Return the content of `gitops.yml`, that of an empty one if it cannot be read."""
    try:
        return parse_config(config)
    except EnvFileError:
        return Config()
