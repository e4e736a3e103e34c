"""Tell an approver in words what a change of `gitops.yml` does to the gates, and what of it loosens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.gates.rules import duration
from actions.infra.config import Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actions.api.checks import NamedCheck
    from actions.infra.config import Config


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One change in words; what *loosens* a gate lets something through that was stopped before, or may."""

    text: str
    loosens: bool


def config_changes(before: Config, after: Config) -> list[ConfigChange]:
    """Return the differences of *after* from *before*."""
    environments = dict.fromkeys([*before.environments, *after.environments])
    return [
        *(change for env in environments for change in _of_environment(env, before, after)),
        *_of_services(before, after),
        *_of_accounts(before, after),
        *_of_values(before, after),
    ]


def _of_services(before: Config, after: Config) -> Iterator[ConfigChange]:
    for service in dict.fromkeys([*before.repos, *after.repos]):
        old, new = (_repo(config, service) for config in (before, after))
        if old != new:
            yield ConfigChange(f"{service}: repo {old} → {new}", loosens=service in before.repos)
    for service in dict.fromkeys(found.name for found in (*before.services, *after.services)):
        old, new = (config.image_of(service) for config in (before, after))
        if old != new:
            yield ConfigChange(f"{service}: image {old or 'none'} → {new or 'none'}", loosens=bool(old))
        old, new = (config.workflow_of(service) for config in (before, after))
        if old != new:
            yield ConfigChange(f"{service}: attested-by {old} → {new}", loosens=True)
    for service in dict.fromkeys([*before.checks, *after.checks]):
        old, new = (_checks(config, service) for config in (before, after))
        if old != new:
            yield ConfigChange(f"{service}: checks {old} → {new}", loosens=True)


def _of_accounts(before: Config, after: Config) -> Iterator[ConfigChange]:
    for bot in dict.fromkeys([*before.bots, *after.bots]):
        if (bot in before.bots) != (bot in after.bots):
            gone = bot in before.bots
            yield ConfigChange(f"bots: {bot} {'is no bot any more' if gone else 'is a bot'}", loosens=True)
    for login in dict.fromkeys([*before.deployers, *after.deployers]):
        if (login in before.deployers) != (login in after.deployers):
            verb = "count" if login in after.deployers else "do not count any more"
            yield ConfigChange(f"deployments: records of {login} {verb}", loosens=login in after.deployers)


def _of_values(before: Config, after: Config) -> Iterator[ConfigChange]:
    for name, old, new in (
        ("adopt", before.adopt[:12] or "nothing", after.adopt[:12] or "nothing"),
        ("files", before.files or "default", after.files or "default"),
        ("tag", before.tag.text if before.tag else "default", after.tag.text if after.tag else "default"),
        ("hotfix-prefix", before.hotfix_prefix, after.hotfix_prefix),
    ):
        if old != new:
            yield ConfigChange(f"{name}: {old} → {new}", loosens=True)
    if before.hold != after.hold:
        old, new = ("issues" if config.hold else "nothing" for config in (before, after))
        yield ConfigChange(f"hold: {old} → {new}", loosens=before.hold)
    if before.show_held != after.show_held:
        old, new = ("issue" if config.show_held else "nothing" for config in (before, after))
        yield ConfigChange(f"show-held: {old} → {new}", loosens=False)
    if before.tickets != after.tickets:
        text = f"tickets: {before.tickets or 'nothing'} → {after.tickets or 'nothing'}"
        yield ConfigChange(text, loosens=False)
    if before.access != after.access:
        old, new = ("record" if config.access else "nothing" for config in (before, after))
        yield ConfigChange(f"access: {old} → {new}", loosens=False)


def _repo(config: Config, service: str) -> str:
    return (config.repos[service] or "none") if service in config.repos else "default"


def _checks(config: Config, service: str) -> str:
    if service not in config.checks:
        return "required by the repository"
    return _named_checks(config.checks[service]) or "none"


def _named_checks(checks: Iterable[NamedCheck]) -> str:
    return ", ".join(f"{check.name} by {check.by}" if check.by else check.name for check in checks)


def _of_environment(env: str, before: Config, after: Config) -> Iterator[ConfigChange]:
    old, new = (config.environments.get(env, Environment()) for config in (before, after))
    if env not in before.environments:
        yield ConfigChange(f"{env}: new", loosens=False)
    if env not in after.environments:
        yield ConfigChange(f"{env}: removed", loosens=False)
    if old.review != new.review:
        yield ConfigChange(f"{env}: review {old.review} → {new.review}", loosens=new.review == "none")
    if old.after != new.after:
        text = f"{env}: after {old.after or 'nothing'} → {new.after or 'nothing'}"
        yield ConfigChange(text, loosens=bool(old.after))
    if old.soak != new.soak:
        spans = [duration(rules.soak) if rules.soak else "none" for rules in (old, new)]
        shorter = bool(old.soak and (not new.soak or new.soak < old.soak))
        yield ConfigChange(f"{env}: soak {spans[0]} → {spans[1]}", loosens=shorter)
    yield from _of_freezes(env, old, new)
    yield from _of_tracking(env, old, new)


def _of_tracking(env: str, old: Environment, new: Environment) -> Iterator[ConfigChange]:
    if old.checks != new.checks:
        was, now = (_named_checks(rules.checks) or "none of its own" for rules in (old, new))
        yield ConfigChange(f"{env}: checks {was} → {now}", loosens=not set(old.checks) <= set(new.checks))
    if old.artifact != new.artifact:
        was, now = (", ".join(rules.artifact) or "nothing" for rules in (old, new))
        yield ConfigChange(f"{env}: artifact {was} → {now}", loosens=not set(old.artifact) <= set(new.artifact))
    if old.emergency != new.emergency:
        was, now = (
            f"{', '.join(rules.emergency.by)} within {duration(rules.emergency.review_within)}"
            if rules.emergency
            else "nobody"
            for rules in (old, new)
        )
        yield ConfigChange(f"{env}: emergency {was} → {now}", loosens=bool(new.emergency))
    if old.ticket != new.ticket:
        text = f"{env}: ticket {old.ticket or 'nothing'} → {new.ticket or 'nothing'}"
        yield ConfigChange(text, loosens=bool(old.ticket))


def _of_freezes(env: str, old: Environment, new: Environment) -> Iterator[ConfigChange]:
    for window in old.freeze:
        if window not in new.freeze:
            yield ConfigChange(f"{env}: no freeze {window.text} any more", loosens=True)
    for window in new.freeze:
        if window not in old.freeze:
            yield ConfigChange(f"{env}: freeze {window.text}", loosens=False)
