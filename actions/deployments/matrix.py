"""Build the matrix of environments or services to deploy, within the limits of GitHub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from actions.infra.layout import Snapshot
    from actions.infra.tag_path import Tree

# docs.github.com, "Actions limits": 256 jobs per matrix, and 1 MB of outputs per job, counted in UTF-16: two bytes per
# character. The remainder is for the other outputs.
MOST_ENTRIES = 256
MOST_CHARACTERS = 400_000


class Per(StrEnum):
    """What one job of the matrix deploys: a whole environment or one service."""

    ENV = "env"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The *tags* an environment should run, the *previous* ones, and the services that differ.

    *now* holds the environment as it should be, *snapshots_before* as it was at the last deployment of every service
    that was deployed before.
    """

    now: Snapshot
    files: Mapping[str, str]
    tags: Mapping[str, str]
    previous: Mapping[str, str]
    changed: tuple[str, ...]
    removed: tuple[str, ...] = ()
    snapshots_before: Mapping[str, Snapshot] = field(default_factory=dict)

    @property
    def env(self) -> str:
        """Return the name of the environment."""
        return self.now.env

    def digest(self, service: str) -> str:
        """Return the digest that *service* should run, "" if there is none; raise EnvFileError if it is not valid."""
        return self.now.digests([service])[service]

    def digest_before(self, service: str) -> str:
        """Return the digest that *service* ran, "" if there was none or none is known."""
        before = self.snapshots_before.get(service)
        return before.artifacts()[service].digest if before else ""

    def only(self, services: Collection[str]) -> Difference:
        """Return the part of this difference for *services*; empty means all."""
        if not services:
            return self
        return Difference(
            now=self.now,
            files={service: path for service, path in self.files.items() if service in services},
            tags={service: tag for service, tag in self.tags.items() if service in services},
            previous={service: tag for service, tag in self.previous.items() if service in services},
            changed=tuple(service for service in self.changed if service in services),
            removed=tuple(service for service in self.removed if service in services),
            snapshots_before={
                service: before for service, before in self.snapshots_before.items() if service in services
            },
        )


def difference(now: Snapshot, before: Snapshot | None, *, beside: bool = False) -> Difference:
    """Compare *now* with *before*; everything differs if *before* is missing or can no longer be read.

    A service differs if any value in its section of the env file does, or any value outside of all sections; or if
    something *beside* the env files changed. Formatting and comments do not count.
    """
    files = {service: file.path for file in now.files for service in file.tags()}
    tags = {service: now.file_of(service).require_tag(service, tag) for service, tag in now.tags().items() if tag}
    if before and before.files == now.files:
        return Difference(now=now, files=files, tags=tags, previous=tags, changed=tuple(tags) if beside else ())
    try:
        previous = before.tags() if before else {}
        old_parts, old_rest = _parts(before) if before else ({}, None)
    except EnvFileError:
        previous, old_parts, old_rest = {}, {}, None
    new_parts, new_rest = _parts(now)
    shared = beside or old_rest != new_rest
    return Difference(
        now=now,
        files=files,
        tags=tags,
        previous=previous,
        changed=tuple(s for s in tags if shared or s not in old_parts or new_parts[s] != old_parts[s]),
        removed=tuple(service for service, tag in previous.items() if tag and service not in tags),
        snapshots_before={service: before for service in previous if before},
    )


def entries(differences: Sequence[Difference], *, per: Per, only_changed: bool) -> list[dict[str, object]]:
    """Return the entries of the matrix, in the order of *differences*; an environment without tags has none."""
    if per is Per.ENV:
        included = [d for d in differences if d.tags and (d.changed or d.removed or not only_changed)]
        return [_env_entry(difference) for difference in included]
    return [
        _service_entry(difference, service, digest)
        for difference in differences
        for service, digest in difference.now.digests(difference.changed if only_changed else difference.tags).items()
    ]


def fits(matrix: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether *matrix* is within GitHub's limits."""
    return _Size.of(matrix).fits


def shards(matrix: Sequence[Mapping[str, object]], *, services: Sequence[str]) -> list[dict[str, object]]:
    """Split *matrix* into shards that fit, each given by the inputs that select it in a run of its own.

    An environment is split only if it does not fit into one shard. *services* are the services that the matrix was
    limited to.
    """
    groups = _by_env(matrix)
    for group in groups:
        if len(group) == 1 and not fits(group):
            raise InputError(
                f"environment '{group[0]['env']}' alone exceeds GitHub's limit for outputs; use per: service"
            )
    whole = [group for group in groups if fits(group)]
    split = [part for group in groups if not fits(group) for part in _packed([[entry] for entry in group])]
    parts = [(_envs(part), list(services)) for part in _packed(whole)]
    parts += [(_envs(part), [str(entry["service"]) for entry in part]) for part in split]
    return [
        {"shard": number, "environments": ",".join(envs), "service": ",".join(names)}
        for number, (envs, names) in enumerate(parts, 1)
    ]


@dataclass(frozen=True, slots=True)
class _Size:
    """The size of a matrix in the units that GitHub limits."""

    entries: int = 0
    characters: int = 0

    @classmethod
    def of(cls, matrix: Sequence[Mapping[str, object]]) -> _Size:
        return cls(len(matrix), sum(len(json.dumps(entry, separators=(",", ":"))) + 1 for entry in matrix))

    @property
    def fits(self) -> bool:
        return self.entries <= MOST_ENTRIES and self.characters <= MOST_CHARACTERS

    def __add__(self, other: _Size) -> _Size:
        return _Size(self.entries + other.entries, self.characters + other.characters)


def _packed(groups: Sequence[list[Mapping[str, object]]]) -> Iterator[list[Mapping[str, object]]]:
    """Yield packs of consecutive *groups*, each as large as fits."""
    pack: list[Mapping[str, object]] = []
    size = _Size()
    for group in groups:
        more = _Size.of(group)
        if pack and not (size + more).fits:
            yield pack
            pack, size = [], _Size()
        pack += group
        size += more
    if pack:
        yield pack


def _parts(snapshot: Snapshot) -> tuple[dict[str, Tree], list[Tree]]:
    parts: dict[str, Tree] = {}
    rests = []
    for file in snapshot.files:
        services, rest = file.parts()
        parts |= services
        if file.tag_path.names_service:
            rests.append(rest)
    return parts, rests


def _env_entry(difference: Difference) -> dict[str, object]:
    return {
        "env": difference.env,
        "file": next(iter(difference.files.values())),
        "tags": dict(difference.tags),
        "digests": difference.now.digests(difference.tags),
        "previous": dict(difference.previous),
        "changed": list(difference.changed),
    }


def _service_entry(difference: Difference, service: str, digest: str) -> dict[str, object]:
    return {
        "env": difference.env,
        "service": service,
        "file": difference.files[service],
        "tag": difference.tags[service],
        "digest": digest,
        "previous": difference.previous.get(service, ""),
    }


def _by_env(matrix: Sequence[Mapping[str, object]]) -> list[list[Mapping[str, object]]]:
    groups: dict[object, list[Mapping[str, object]]] = {}
    for entry in matrix:
        groups.setdefault(entry["env"], []).append(entry)
    return list(groups.values())


def _envs(matrix: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(str(entry["env"]) for entry in matrix))
