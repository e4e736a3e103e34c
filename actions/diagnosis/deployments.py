"""Say what the environments run, by whose records, and what is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed
from actions.gates.facts import Decision, Reason
from actions.infra.config import PATH as CONFIG
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actions.diagnosis.deployment_state import DeployedEnvironment, HeldChange
    from actions.infra.config import Config


def maker_finding(infra: str, config: Config) -> Finding:
    """Return whether gitops.yml says whose deployment records count."""
    question = Question(
        check="record-makers",
        where=infra,
        what="accounts whose deployment records count",
        wanted="the bot's App",
        why="Whoever may write can make a record, and so say that something ran which never did.",
        fix=f"Name the App in bots in {place.file(infra, CONFIG)}",
    )
    makers = [*config.bots, *config.deployers]
    return question.ok(listed(makers)) if makers else question.error("anybody's")


def deployment_findings(infra: str, deployed: Sequence[DeployedEnvironment] | Unreadable) -> Iterator[Finding]:
    """Yield what every environment runs, and what is kept from it; of one without a record, the gates are not asked."""
    if isinstance(deployed, Unreadable):
        yield _recorded_question(infra, "every environment").unknown(deployed)
        return
    for environment in deployed:
        yield _recorded(infra, environment)
        if environment.unfinished:
            yield _unfinished(infra, environment)
        if environment.sha or environment.is_empty:
            yield from _held(infra, environment)


def _recorded(infra: str, environment: DeployedEnvironment) -> Finding:
    question = _recorded_question(infra, environment.env)
    if environment.sha:
        return question.ok(f"commit {short(environment.sha)} since {environment.at}, recorded by {environment.by}")
    if environment.is_empty:
        return question.ok("no tag, so there is nothing to deploy")
    if environment.others:
        return question.error(f"no record that counts; there are records by {listed(environment.others)}")
    return question.warning("nothing is recorded as deployed")


def _unfinished(infra: str, environment: DeployedEnvironment) -> Finding:
    return Question(
        check="unfinished",
        where=infra,
        what=f"deployments to {environment.env} that began and did not succeed",
        wanted=listed(()),
        why="Nobody knows what of them runs. The next deployment repeats them.",
        fix=f"gh run list --repo {infra}",
    ).warning(listed(environment.unfinished))


def _held(infra: str, environment: DeployedEnvironment) -> Iterator[Finding]:
    question = Question(
        check="held",
        where=infra,
        what=f"changes that the gates keep from {environment.env}",
        wanted=listed(()),
        why="The environment does not run what its file says.",
        fix="A waiting gate opens by itself; for any other, do what it says, by pull request.",
    )
    if isinstance(environment.held, Unreadable):
        yield question.unknown(environment.held)
        return
    for held in environment.held:
        yield _one_held(question, held)
    if not environment.held:
        yield question.ok(listed(()))


def _one_held(question: Question, held: HeldChange) -> Finding:
    worst, change = held.change.worst, held.change.change
    since = f", on the default branch since {held.since}" if held.since else ""
    shown = f"{change}{since}: {worst.message if worst else ''}"
    if worst and worst.reason is Reason.UNKNOWN:
        permission = "what the gates of check-envs read in the app repository"
        return question.unknown(Unreadable(permission=permission, said=shown))
    return question.warning(shown) if worst and worst.decision is Decision.WAIT else question.error(shown)


def _recorded_question(infra: str, env: str) -> Question:
    return Question(
        check="deployed",
        where=infra,
        what=f"what {env} runs, by its deployment records",
        wanted="a record that our App made",
        why="Without one, everything counts as changed, and the gates of later environments find no deployment.",
        fix=f"If something runs already, name the commit that says what in adopt of {place.file(infra, CONFIG)}",
    )
