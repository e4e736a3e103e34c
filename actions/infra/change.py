"""Plan the changes that give an environment the requested tags and digests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import InputError, NoTagError, UnknownServiceError
from actions.names import require_name
from actions.tags import DIGESTS_ARE, Artifact, is_digest, is_tag, require_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.infra.layout import Snapshot
    from actions.runner.inputs import Inputs


class Reason(StrEnum):
    """The reason that a successful run reports."""

    CHANGED = "changed"
    UP_TO_DATE = "up-to-date"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """The requested change of *env*: new *artifacts*, those of *from_env*, or a *rollback*.

    The key "" of *artifacts* stands for the only service. *services* limits a copy or a rollback; empty means all.
    *rollback* is `previous`, `previous-2` and so on, or the tag to roll back to.
    """

    env: str
    artifacts: Mapping[str, Artifact]
    from_env: str = ""
    services: tuple[str, ...] = ()
    rollback: str = ""

    @classmethod
    def read(cls, inputs: Inputs, *, rollback: str | None = None) -> Request:
        """Read the request; raise InputError if the inputs contradict each other.

        *rollback* is None for an action that cannot roll back.
        """
        env = require_name("an environment", inputs.required("env"))
        tag, tags, from_env = inputs.text("tag"), inputs.lines("tags"), inputs.text("from-env")
        _require_one({"tag": tag, "tags": tags, "from-env": from_env, "rollback": rollback})
        digest = _read_digest(inputs)
        services = tuple(require_name("a service", name) for name in inputs.names("service"))
        if from_env:
            if require_name("an environment", from_env) == env:
                raise InputError(f"inputs env and from-env are both '{env}'; give two environments")
            return cls(env=env, artifacts={}, from_env=from_env, services=services)
        if rollback:
            return cls(env=env, artifacts={}, services=services, rollback=require_tag(rollback))
        if tags:
            if services:
                raise InputError(
                    "inputs tags and service are both given; tags names its services, so leave service empty"
                )
            return cls(env=env, artifacts=_parse_lines(tags))
        if len(services) > 1:
            raise InputError("input service names several services; use tags, with a line service=tag for each")
        return cls(env=env, artifacts={services[0] if services else "": Artifact(require_tag(tag), digest)})

    def wanted(self, target: Snapshot, source: Snapshot | None) -> dict[str, Artifact]:
        """Return the requested artifact of every service of *target*; *source* is the environment to copy from."""
        if source:
            return self._copied(target, source)
        if list(self.artifacts) == [""] or (target.has_unnamed_app and len(self.artifacts) == 1):
            return dict.fromkeys([only_service(target)], next(iter(self.artifacts.values())))
        return dict(self.artifacts)

    def left_alone(self, target: Snapshot, source: Snapshot | None) -> list[str]:
        """Return the services that a copy skips because only one of the two environments has them."""
        if not source or self.services:
            return []
        return sorted(set(target.tags()) ^ set(source.tags()))

    def _copied(self, target: Snapshot, source: Snapshot) -> dict[str, Artifact]:
        tags, existing = source.tags(), target.tags()
        missing = [service for service in self.services if service not in tags]
        if missing:
            known = ", ".join(sorted(tags)) or "none"
            raise UnknownServiceError(f"no service '{missing[0]}' in {self.from_env}; it has: {known}")
        empty = [service for service in self.services if not tags[service]]
        if empty:
            raise NoTagError(f"service '{empty[0]}' has no tag in {self.from_env} that could be copied")
        names = self.services or [service for service in tags if tags[service] and service in existing]
        return {service: Artifact(tags[service], digest) for service, digest in source.digests(names).items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A change of the artifact of *service* in *env*, by its tag and its digest, which is "" if there is none.

    The tag *before* is "" for a new service, *after* for a removed one.
    """

    env: str
    service: str
    file: str
    before: str
    after: str
    digest_before: str = ""
    digest: str = ""

    @property
    def is_new_artifact(self) -> bool:
        """Tell whether the change brings another artifact: another tag, or another digest of the same one."""
        return bool(self.after) and (self.after, self.digest) != (self.before, self.digest_before)

    def as_output(self) -> dict[str, str]:
        """Return this change as an entry of the `changes` output."""
        return {
            "env": self.env, "service": self.service, "file": self.file, "from": self.before, "to": self.after,
            "digest": self.digest,
        }  # fmt: skip

    def __str__(self) -> str:
        before = short(self.before, self.digest_before) if not self.before or is_tag(self.before) else "(no tag)"
        return f"{self.service} {before} → {short(self.after, self.digest)}"


def require_digests(target: Snapshot, wanted: Mapping[str, Artifact], *, drop: bool) -> None:
    """Raise EnvFileError if a *wanted* tag without a digest comes to where one is, unless it is to *drop*.

    It is that of the tag before, and would take precedence in kustomize and Helm.
    """
    for service, artifact in wanted.items():
        file = target.file_of(service)
        if not drop and not artifact.digest and file.tag(service) != artifact.tag and file.digest(service):
            raise file.stale_digest(service)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePlan:
    """The changes that an environment needs, and the environment *after* them."""

    changes: tuple[Change, ...]
    after: Snapshot


def plan_changes(snapshot: Snapshot, wanted: Mapping[str, Artifact]) -> ChangePlan:
    """Plan the changes of *snapshot* that give every service its *wanted* artifact.

    Without a wanted digest, a new tag empties the digest, which `require_digests` may refuse; the same tag keeps it.

    Raises UnknownServiceError, NoTagError or EnvFileError if one of the changes cannot be made; then none is.
    """
    changes = []
    for service, artifact in wanted.items():
        require_tag(artifact.tag)
        file = snapshot.file_of(service)
        before = file.tag(service)
        if before == artifact.tag and not artifact.digest:
            continue
        digest_before = file.digest(service)
        if Artifact(before, digest_before) == artifact:
            continue
        changes.append(
            Change(
                env=snapshot.env,
                service=service,
                file=file.path,
                before=before,
                after=artifact.tag,
                digest_before=digest_before,
                digest=artifact.digest,
            )
        )
    after = snapshot.with_artifacts({change.service: wanted[change.service] for change in changes})
    return ChangePlan(changes=tuple(changes), after=after)


def outputs(changes: Sequence[Change], wanted: Mapping[str, Artifact]) -> dict[str, object]:
    """Return the outputs that all actions that change tags share; tag and previous-tag only for a single service."""
    tag = next(iter(wanted.values())).tag if len(wanted) == 1 else ""
    before = changes[0].before if changes and tag else ""
    return {
        "changed": bool(changes),
        "changes": [change.as_output() for change in changes],
        "previous-tag": before if changes else tag,
        "tag": tag,
        "reason": Reason.CHANGED if changes else Reason.UP_TO_DATE,
    }


def _require_one(inputs: Mapping[str, object]) -> None:
    """Raise InputError unless exactly one of *inputs* is given; None is for an input that the action does not have."""
    given = [name for name, value in inputs.items() if value]
    if len(given) != 1:
        known = ", ".join(name for name, value in inputs.items() if value is not None)
        raise InputError(f"give one of {known}; given: {', '.join(given) or 'none'}")


def _read_digest(inputs: Inputs) -> str:
    """Return the input digest; raise InputError if it is not a digest, or if there is no single tag that it is of."""
    digest = inputs.text("digest")
    if digest and not inputs.text("tag"):
        raise InputError("input digest needs input tag; it is the digest of that one artifact")
    if digest and not is_digest(digest):
        raise InputError(f"input digest is {digest[:200]!r}; it must be {DIGESTS_ARE}")
    return digest


def _parse_lines(lines: Sequence[str]) -> dict[str, Artifact]:
    tags: dict[str, Artifact] = {}
    for line in lines:
        service, equals, tag = (part.strip() for part in line.partition("="))
        if not equals:
            raise InputError(f"line {line[:200]!r} of input tags is not service=tag")
        if tags.setdefault(require_name("a service", service), Artifact(require_tag(tag))).tag != tag:
            raise InputError(f"input tags gives service '{service}' two tags")
    return tags


def only_service(snapshot: Snapshot) -> str:
    """Return the only service of *snapshot*; raise InputError, which lists the services, if there are several."""
    services = sorted(snapshot.tags())
    if len(services) == 1:
        return services[0]
    file = snapshot.files[0]
    if not services:
        raise InputError(
            f"{file.path}:1: no service with a tag at {file.tag_path.text}: {file.known_services()}",
            file=file.path,
            line=1,
        )
    known = ", ".join(services)
    raise InputError(f"environment '{snapshot.env}' does not have exactly one service ({known}); set input service")
