"""What is asked of an environment, against the tags that are there: the list of changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import InputError, NoTagError, UnknownServiceError
from actions.infra.layout import require_name
from actions.tags import is_tag, require_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.infra.layout import Snapshot
    from actions.runner.inputs import Inputs


class Reason(StrEnum):
    """How a run that changes tags ends well."""

    CHANGED = "changed"
    UP_TO_DATE = "up-to-date"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked: tags for services of *env*, or the tags of another environment, or an earlier one of its own.

    A tag for the service "" is for the only service there is. With *from_env*, *services* are the ones to copy,
    none meaning all. *rollback* is `previous`, `previous-2` and so on, or the tag to go back to.
    """

    env: str
    tags: Mapping[str, str]
    from_env: str = ""
    services: tuple[str, ...] = ()
    rollback: str = ""

    @classmethod
    def read(cls, inputs: Inputs) -> Request:
        """Read what is asked; raise InputError if the inputs do not say one thing."""
        return cls.parse(
            env=inputs.required("env"),
            service=inputs.text("service"),
            tag=inputs.text("tag"),
            tags=inputs.lines("tags"),
            from_env=inputs.text("from-env"),
        )

    @classmethod
    def parse(
        cls, *, env: str, service: str, tag: str, tags: Sequence[str], from_env: str, rollback: str | None = None
    ) -> Request:
        """Check the inputs against one another; raise InputError if they do not say one thing.

        *rollback* is None for an action that cannot roll back.
        """
        require_name("an environment", env)
        inputs = {"tag": tag, "tags": tags, "from-env": from_env, "rollback": rollback}
        given = [name for name, value in inputs.items() if value]
        if len(given) != 1:
            known = ", ".join(name for name, value in inputs.items() if value is not None)
            raise InputError(f"give one of {known}; given: {', '.join(given) or 'none'}")
        services = tuple(require_name("a service", name) for name in service.replace(",", " ").split())
        if from_env:
            if require_name("an environment", from_env) == env:
                raise InputError(f"from-env and env are both '{env}'")
            return cls(env=env, tags={}, from_env=from_env, services=services)
        if rollback:
            return cls(env=env, tags={}, services=services, rollback=require_tag(rollback))
        if tags:
            if services:
                raise InputError("tags names its services itself; leave service empty")
            return cls(env=env, tags=_parse_lines(tags))
        if len(services) > 1:
            raise InputError("service names several services; give tags, with a line service=tag for each")
        return cls(env=env, tags={services[0] if services else "": require_tag(tag)})

    def wanted(self, target: Snapshot, source: Snapshot | None) -> dict[str, str]:
        """Return the tag that each service of *target* shall have; *source* is the `from_env` one."""
        if source:
            return self._copied(target.tags(), source.tags())
        if list(self.tags) == [""]:
            return {only_service(target): self.tags[""]}
        return dict(self.tags)

    def left_alone(self, target: Snapshot, source: Snapshot | None) -> list[str]:
        """Return the services that a copy leaves alone because one of the two environments does not have them."""
        if not source or self.services:
            return []
        return sorted(set(target.tags()) ^ set(source.tags()))

    def _copied(self, target: Mapping[str, str], source: Mapping[str, str]) -> dict[str, str]:
        missing = [service for service in self.services if service not in source]
        if missing:
            known = ", ".join(sorted(source)) or "none"
            raise UnknownServiceError(f"no service '{missing[0]}' in {self.from_env}; it has: {known}")
        empty = [service for service in self.services if not source[service]]
        if empty:
            raise NoTagError(f"service '{empty[0]}' has no tag in {self.from_env} that could be copied")
        names = self.services or [service for service in source if service in target]
        return {service: source[service] for service in names if source[service]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One tag that moves: of *service* in *env*, from *before* ("" if there was none) to *after*."""

    env: str
    service: str
    file: str
    before: str
    after: str

    def as_output(self) -> dict[str, str]:
        """Return this change in the words of the `changes` output."""
        return {
            "env": self.env, "service": self.service, "file": self.file, "from": self.before, "to": self.after,
        }  # fmt: skip

    def __str__(self) -> str:
        before = short(self.before) if not self.before or is_tag(self.before) else "(no tag)"
        return f"{self.service} {before} → {short(self.after)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePlan:
    """The changes that bring an environment to what is wanted, and the environment after them."""

    changes: tuple[Change, ...]
    after: Snapshot


def plan_changes(snapshot: Snapshot, wanted: Mapping[str, str]) -> ChangePlan:
    """Return what must change in *snapshot* so that each service has its *wanted* tag.

    Raises UnknownServiceError, NoTagError or EnvFileError if one of them cannot have it: all or nothing.
    """
    changes = []
    after = snapshot
    for service, tag in wanted.items():
        require_tag(tag)
        file = after.file_of(service)
        before = file.tags().get(service)
        if before == tag:
            continue
        after = after.with_tag(service, tag)
        changes.append(Change(env=snapshot.env, service=service, file=file.path, before=before or "", after=tag))
    return ChangePlan(changes=tuple(changes), after=after)


def outputs(changes: Sequence[Change], wanted: Mapping[str, str]) -> dict[str, object]:
    """Return the outputs that every action that changes tags has; tag and previous-tag if it is about one service."""
    one = next(iter(wanted.values())) if len(wanted) == 1 else ""
    before = changes[0].before if changes and one else ""
    return {
        "changed": bool(changes),
        "changes": [change.as_output() for change in changes],
        "previous-tag": before if changes else one,
        "tag": one,
        "reason": Reason.CHANGED if changes else Reason.UP_TO_DATE,
    }


def _parse_lines(lines: Sequence[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for line in lines:
        service, equals, tag = (part.strip() for part in line.partition("="))
        if not equals:
            raise InputError(f"{line[:200]!r} in tags is not service=tag")
        if tags.setdefault(require_name("a service", service), require_tag(tag)) != tag:
            raise InputError(f"tags gives service '{service}' two tags")
    return tags


def only_service(snapshot: Snapshot) -> str:
    """Return the one service of *snapshot*; raise InputError, naming them, if there are several."""
    services = sorted(snapshot.tags())
    if len(services) == 1:
        return services[0]
    known = ", ".join(services) or "none"
    raise InputError(f"say which service of '{snapshot.env}' gets the tag; it has: {known}")
