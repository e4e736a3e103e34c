"""Find the files of environments: `envs/{env}.json`, `charts/{service}/values-{env}.yaml` and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, InputError, UnknownEnvError
from actions.infra.env_file import EXTENSIONS, EnvFile
from actions.infra.tag_path import NOWHERE, SERVICE, TagPath
from actions.names import NAME
from actions.tags import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENV = "{env}"
APP = "app"  # what the only service of a repository is called, if nothing names it
FOLDER = re.compile(r"(?!\.\.$)[A-Za-z0-9._ @+-]{1,100}")


def require_folder(name: str, value: str) -> PurePosixPath:
    """Return *value*, the input *name*, as a folder; raise InputError if it is not within the repository."""
    folder = PurePosixPath(value)
    if folder.is_absolute() or not all(FOLDER.fullmatch(part) for part in folder.parts):
        raise InputError(f"input {name} is {value[:200]!r}; it must be a folder within the repository")
    return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceLayout:
    """What `gitops.yml` says of where the service *name* is; "" and None are what holds for all.

    *image* is what its image is called. With *change_all*, a bump changes all that shares the tag by an alias.
    """

    name: str
    image: str = ""
    path: TagPath | None = None
    files: str = ""
    change_all: bool = False

    @property
    def is_special(self) -> bool:
        """Tell whether anything is different for this service."""
        return bool(self.image or self.path or self.files or self.change_all)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The paths of the env files, as alternative *patterns*, and the place of the tags in them.

    *folders* are (environment, paths) of what belongs to an environment beside its env files.

    *services* may have patterns, which are among those of all, and places of their own; with *only_own* there are no
    services without in the files that they share. *app* is the only service in
    the other files, if neither their names nor their texts name it. *extension* is the format of files whose names do
    not say it.
    """

    patterns: tuple[str, ...]
    tag_path: TagPath
    services: tuple[ServiceLayout, ...] = ()
    only_own: bool = False
    app: str = ""
    extension: str = ""
    folders: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def default(cls, envs_dir: str) -> Layout:
        """Return the layout of a repository without `gitops.yml`: *envs_dir*/<env>.json, .yaml, .yml or .toml."""
        folder = require_folder("envs-dir", envs_dir)
        patterns = tuple(str(folder / f"{ENV}.{extension}") for extension in EXTENSIONS)
        return cls(patterns=patterns, tag_path=TagPath.parse(f"{SERVICE}.tag"))

    @property
    def per_service(self) -> bool:
        """Tell whether each service of an environment has a file of its own."""
        return any(SERVICE in pattern for pattern in self.patterns)

    def paths(self, env: str, services: Iterable[str] = ()) -> list[str]:
        """Return the possible paths of *env*; with a file per service, those of *services*."""
        names = list(services)
        patterns = [pattern.replace(ENV, env) for pattern in self.patterns]
        return [
            pattern.replace(SERVICE, name) for pattern in patterns for name in (names if SERVICE in pattern else [""])
        ]

    def globs(self, env: str = "*") -> list[str]:
        """Return the patterns as globs that match the files of *env*."""
        return [pattern.replace(ENV, env).replace(SERVICE, "*") for pattern in self.patterns]

    def owner(self, path: str) -> tuple[str, str] | None:
        """Return the environment and the service ("" if not the only one) of *path*; None if it is not an env file."""
        owners = self._owners(path)
        if not owners:
            return None
        return owners[0][0], owners[0][1] if len(owners) == 1 else ""

    def env_file(self, path: str, text: str) -> EnvFile:
        """Return *text* as the env file at *path*."""
        services = [service for _, service in self._owners(path)]
        own = {service: self._path_of(service) for service in services if service}
        tag_path = NOWHERE
        if "" in services or not services:
            own |= {service.name: NOWHERE for service in self.services if service.files and service.name not in own}
            tag_path = NOWHERE if self.only_own else replace(self.tag_path, images=self._images)
        is_of_one = len(services) == 1 and services[0] != ""
        return EnvFile(
            path=path,
            text=text,
            tag_path=own[services[0]] if is_of_one else tag_path,
            service=services[0] if is_of_one else "",
            own={} if is_of_one else own,
            extension=self.extension,
            change_all=frozenset(service.name for service in self.services if service.change_all),
        )

    def _owners(self, path: str) -> list[tuple[str, str]]:
        """Return the (environment, service) of *path* by each pattern, with the services that have a place in it.

        The service is "" if the text names the services.
        """
        named = [(service, match) for service in self.services if (match := _match(service.files, path))]
        if named:
            return [(match["env"], service.name) for service, match in named]
        found: list[tuple[str, str]] = []
        for pattern in self.patterns:
            match = _match(pattern, path)
            if match:
                found.append((match["env"], match.groupdict().get("service") or self.app))
                if SERVICE not in pattern:
                    own = (service.name for service in self.services if service.path and not service.files)
                    found += [(match["env"], name) for name in own]
        return found

    def _path_of(self, service: str) -> TagPath:
        own = next((found.path for found in self.services if found.name == service and found.path), None)
        return replace(own or self.tag_path, images=self._images, only=service)

    @property
    def _images(self) -> tuple[tuple[str, str], ...]:
        return tuple((service.name, service.image) for service in self.services if service.image)

    def envs(self, paths: Iterable[str]) -> list[str]:
        """Return the environments of *paths*, in natural order."""
        return sorted({owner[0] for path in paths if (owner := self.owner(path))}, key=natural)

    def require_one_file(self, paths: Iterable[str]) -> None:
        """Raise EnvFileError if an environment (or, with a file per service, a service of it) has two files.

        GitHub ignores the case of environment names, so `prod` and `Prod` are one environment.
        """
        seen: dict[tuple[str, str], str] = {}
        for path in sorted(paths):
            for env, service in self._owners(path):
                first = seen.setdefault((env.casefold(), service.casefold()), path)
                if first != path:
                    problem = f"{path}:1: {first} and {path} are for the same environment; remove one"
                    raise EnvFileError(problem, file=path, line=1)

    def group(self, texts: Mapping[str, str]) -> dict[str, Snapshot]:
        """Group *texts* (path to text) into environments, in natural order of their names."""
        files: dict[str, list[EnvFile]] = {}
        for path in sorted(texts):
            owner = self.owner(path)
            if owner:
                files.setdefault(owner[0], []).append(self.env_file(path, texts[path]))
        folders = dict(self.folders)
        return {
            env: Snapshot(env=env, files=tuple(files[env]), declared=folders.get(env, ()))
            for env in sorted(files, key=natural)
        }

    def touches(self, snapshot: Snapshot, paths: Iterable[str]) -> bool:
        """Tell whether one of *paths* is no env file and belongs to the environment of *snapshot*."""
        folders = [PurePosixPath(folder) for folder in snapshot.folders]
        return any(
            PurePosixPath(path).is_relative_to(folder) and not self.owner(path) for path in paths for folder in folders
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The files of one environment at one commit."""

    env: str
    files: tuple[EnvFile, ...]
    declared: tuple[str, ...] = ()

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the folders and files that belong to the environment beside its env files.

        They are *declared*, else the folder of a kustomization and what the kustomization names in the repository.
        """
        return self.declared or tuple(dict.fromkeys(folder for file in self.files for folder in file.folders()))

    @property
    def has_unnamed_app(self) -> bool:
        """Tell whether there is only one service, and nothing names it."""
        return [file.service for file in self.files] == [APP]

    def tags(self) -> dict[str, str]:
        """Return the tag of every service; raise EnvFileError if a file is invalid."""
        return {service: tag for file in self.files for service, tag in file.tags().items()}

    def artifacts(self) -> dict[str, Artifact]:
        """Return the tag and the digest of every service, valid or not; raise EnvFileError if a file is invalid."""
        digests = {service: digest for file in self.files for service, digest in file.digests().items()}
        return {service: Artifact(tag, digests[service]) for service, tag in self.tags().items()}

    def digests(self, services: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of *services*, "" for one without; raise EnvFileError if it is not valid.

        The digests of other services are not looked at.
        """
        return {service: self.file_of(service).digest(service) for service in services}

    def file_of(self, service: str) -> EnvFile:
        """Return the file of *service*; if none has it, a file whose error messages tell what is missing."""
        general = next((file for file in self.files if not file.service), self.files[0])
        return next((file for file in self.files if file.has(service)), general)

    def with_artifacts(self, artifacts: Mapping[str, Artifact]) -> Snapshot:
        """Return this snapshot with the tags and the digests of *artifacts*, by service."""
        by_file: dict[str, dict[str, Artifact]] = {}
        for service, artifact in artifacts.items():
            by_file.setdefault(self.file_of(service).path, {})[service] = artifact
        return replace(self, files=tuple(file.with_artifacts(by_file.get(file.path, {})) for file in self.files))


def unknown_env(env: str, layout: Layout, known: Iterable[str], *, repository: str = "") -> UnknownEnvError:
    """Return the error for a missing *env*, with the paths that were tried and the *known* environments.

    The files are those of *repository*, or else of the checkout.
    """
    listed = ", ".join(known)
    if listed:
        return UnknownEnvError(f"no environment '{env}' at {' or '.join(layout.globs(env))}; known: {listed}")
    where = " or ".join(layout.globs())
    if repository:
        advice = f"in {repository}; is that the infra repository (input infra-repo)?"
    else:
        advice = "in the checkout; is the infra repository checked out before this step (actions/checkout)?"
    return UnknownEnvError(f"no env file at {where} {advice} If the files are elsewhere, set 'files' in gitops.yml")


def natural(name: str) -> tuple[tuple[bool, int | str], ...]:
    """Return a sort key that puts `env-2` before `env-10`."""
    return tuple((False, int(part)) if part.isdigit() else (True, part) for part in re.split(r"(\d+)", name) if part)


def _match(pattern: str, path: str) -> re.Match[str] | None:
    return _regex(pattern).fullmatch(path) if pattern else None


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{env\}|\{service\})", pattern)
    name = NAME.pattern.replace("(?!.*\\.\\.)", "")
    return re.compile("".join(f"(?P<{p[1:-1]}>{name})" if p in (ENV, SERVICE) else re.escape(p) for p in parts))
