"""Which environments or services are to be deployed, as a matrix that GitHub accepts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, InputError
from actions.tags import require_tag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from actions.infra.layout import Snapshot
    from actions.infra.tag_path import Tree

# docs.github.com, "Actions limits": 256 jobs per matrix, and 1 MB of outputs per job counted in UTF-16, so two bytes
# for each of our characters; the rest of it is for the other outputs.
MOST_ENTRIES = 256
MOST_CHARACTERS = 400_000


class Per(StrEnum):
    """What one job of the matrix deploys."""

    ENV = "env"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What an environment is to run, what it ran before, and which services that concerns.

    *snapshots_before* is, for each service that was there before, the environment as it was then.
    """

    env: str
    files: Mapping[str, str]
    tags: Mapping[str, str]
    previous: Mapping[str, str]
    changed: tuple[str, ...]
    removed: tuple[str, ...] = ()
    snapshots_before: Mapping[str, Snapshot] = field(default_factory=dict)

    def only(self, services: Collection[str]) -> Difference:
        """Return the part of this that concerns *services*; none of them means all."""
        if not services:
            return self
        return Difference(
            env=self.env,
            files={service: path for service, path in self.files.items() if service in services},
            tags={service: tag for service, tag in self.tags.items() if service in services},
            previous={service: tag for service, tag in self.previous.items() if service in services},
            changed=tuple(service for service in self.changed if service in services),
            removed=tuple(service for service in self.removed if service in services),
            snapshots_before={
                service: before for service, before in self.snapshots_before.items() if service in services
            },
        )


def difference(now: Snapshot, before: Snapshot | None) -> Difference:
    """Return what is different in *now*; everything is if *before* is not there or cannot be read any more.

    A service is changed if anything that its env file says of it is, or anything that the file says of no service in
    particular; formatting and comments are not.
    """
    files = {service: file.path for file in now.files for service in file.tags()}
    tags = {service: require_tag(tag, file=files[service]) for service, tag in now.tags().items() if tag}
    if before and before.files == now.files:
        return Difference(env=now.env, files=files, tags=tags, previous=tags, changed=())
    try:
        previous = before.tags() if before else {}
        old_parts, old_rest = _parts(before) if before else ({}, None)
    except EnvFileError:
        previous, old_parts, old_rest = {}, {}, None
    new_parts, new_rest = _parts(now)
    shared = bool(old_parts) and old_rest != new_rest
    return Difference(
        env=now.env,
        files=files,
        tags=tags,
        previous=previous,
        changed=tuple(s for s in tags if shared or s not in old_parts or new_parts[s] != old_parts[s]),
        removed=tuple(service for service in previous if service not in tags),
        snapshots_before={service: before for service in previous if before},
    )


def entries(differences: Sequence[Difference], *, per: Per, only_changed: bool) -> list[dict[str, object]]:
    """Return the entries of the matrix, in the order of *differences*; an environment without tags has none."""
    if per is Per.ENV:
        wanted = [d for d in differences if d.tags and (d.changed or d.removed or not only_changed)]
        return [_env_entry(difference) for difference in wanted]
    return [
        _service_entry(difference, service)
        for difference in differences
        for service in (difference.changed if only_changed else difference.tags)
    ]


def fits(matrix: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether GitHub takes *matrix* as one."""
    return _Size.of(matrix).fits


def shards(matrix: Sequence[Mapping[str, object]], *, services: Sequence[str]) -> list[dict[str, object]]:
    """Return *matrix* split into parts that fit, each named by the inputs that give it in a run of its own.

    An environment is split over several shards only if it does not fit into one. *services* is what the matrix was
    narrowed to.
    """
    groups = _by_env(matrix)
    for group in groups:
        if len(group) == 1 and not fits(group):
            raise InputError(
                f"environment '{group[0]['env']}' alone is more than GitHub takes as an output; use per: service"
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
    """How much of what GitHub limits a matrix takes."""

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
    """Yield *groups* put together, in their order, as long as they fit."""
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
        "previous": dict(difference.previous),
        "changed": list(difference.changed),
    }


def _service_entry(difference: Difference, service: str) -> dict[str, object]:
    return {
        "env": difference.env,
        "service": service,
        "file": difference.files[service],
        "tag": difference.tags[service],
        "previous": difference.previous.get(service, ""),
    }


def _by_env(matrix: Sequence[Mapping[str, object]]) -> list[list[Mapping[str, object]]]:
    groups: dict[object, list[Mapping[str, object]]] = {}
    for entry in matrix:
        groups.setdefault(entry["env"], []).append(entry)
    return list(groups.values())


def _envs(matrix: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(str(entry["env"]) for entry in matrix))
