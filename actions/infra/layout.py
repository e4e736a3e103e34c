"""Find the files of environments: `envs/{env}.json`, `charts/{service}/values-{env}.yaml` and the like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, InputError, UnknownEnvError
from actions.infra.env_file import EXTENSIONS, EnvFile
from actions.infra.tag_path import SERVICE, TagPath
from actions.names import NAME
from actions.tags import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENV = "{env}"
FOLDER = re.compile(r"(?!\.\.$)[A-Za-z0-9._ @+-]{1,100}")


def require_folder(name: str, value: str) -> PurePosixPath:
    """Return *value*, the input *name*, as a folder; raise InputError if it is not within the repository."""
    folder = PurePosixPath(value)
    if folder.is_absolute() or not all(FOLDER.fullmatch(part) for part in folder.parts):
        raise InputError(f"input {name} is {value[:200]!r}; it must be a folder within the repository")
    return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The paths of the env files, as alternative *patterns*, and the place of the tags in them."""

    patterns: tuple[str, ...]
    tag_path: TagPath

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
        patterns = [pattern.replace(ENV, env) for pattern in self.patterns]
        if not self.per_service:
            return patterns
        return [pattern.replace(SERVICE, service) for pattern in patterns for service in services]

    def globs(self, env: str = "*") -> list[str]:
        """Return the patterns as globs that match the files of *env*."""
        return [pattern.replace(ENV, env).replace(SERVICE, "*") for pattern in self.patterns]

    def owner(self, path: str) -> tuple[str, str] | None:
        """Return the environment and the service ("" if not in the name) of *path*; None if it is not an env file."""
        for pattern in self.patterns:
            match = _regex(pattern).fullmatch(path)
            if match:
                names = match.groupdict()
                return names["env"], names.get("service") or ""
        return None

    def env_file(self, path: str, text: str) -> EnvFile:
        """Return *text* as the env file at *path*."""
        _, service = self.owner(path) or ("", "")
        return EnvFile(path=path, text=text, tag_path=self.tag_path, service=service)

    def envs(self, paths: Iterable[str]) -> list[str]:
        """Return the environments of *paths*, in natural order."""
        return sorted({owner[0] for path in paths if (owner := self.owner(path))}, key=natural)

    def require_one_file(self, paths: Iterable[str]) -> None:
        """Raise EnvFileError if an environment (or, with a file per service, a service of it) has two files.

        GitHub ignores the case of environment names, so `prod` and `Prod` are one environment.
        """
        seen: dict[tuple[str, str], str] = {}
        for path in sorted(paths):
            env, service = self.owner(path) or ("", "")
            first = seen.setdefault((env.casefold(), service.casefold()), path)
            if first != path:
                raise EnvFileError(f"{first} and {path} are for the same environment; remove one", file=path, line=1)

    def group(self, texts: Mapping[str, str]) -> dict[str, Snapshot]:
        """Group *texts* (path to text) into environments, in natural order of their names."""
        files: dict[str, list[EnvFile]] = {}
        for path in sorted(texts):
            owner = self.owner(path)
            if owner:
                files.setdefault(owner[0], []).append(self.env_file(path, texts[path]))
        return {env: Snapshot(env=env, files=tuple(files[env])) for env in sorted(files, key=natural)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The files of one environment at one commit."""

    env: str
    files: tuple[EnvFile, ...]

    def tags(self) -> dict[str, str]:
        """Return the tag of every service; raise EnvFileError if a file is invalid."""
        return {service: tag for file in self.files for service, tag in file.tags().items()}

    def artifacts(self) -> dict[str, Artifact]:
        """Return the tag and the digest of every service, valid or not; raise EnvFileError if a file is invalid."""
        digests = self._digests()
        return {service: Artifact(tag, digests[service]) for service, tag in self.tags().items()}

    def digests(self, services: Iterable[str]) -> dict[str, str]:
        """Return the digest of each of *services*, "" for one without; raise EnvFileError if it is not valid.

        The digests of other services are not looked at.
        """
        found = self._digests()
        return {service: self.file_of(service).require_digest(service, found.get(service, "")) for service in services}

    def _digests(self) -> dict[str, str]:
        return {service: digest for file in self.files for service, digest in file.digests().items()}

    def file_of(self, service: str) -> EnvFile:
        """Return the file of *service*; if none has it, a file whose error messages tell what is missing."""
        if len(self.files) == 1:
            return self.files[0]
        named = tuple(file for file in self.files if file.service == service)
        return (named or self.files)[0]

    def with_artifact(self, service: str, artifact: Artifact) -> Snapshot:
        """Return this snapshot with the tag and the digest of *artifact* for *service*."""
        old = self.file_of(service)
        tagged = old if old.tags().get(service) == artifact.tag else old.with_tag(service, artifact.tag)
        new = tagged.with_digest(service, artifact.digest)
        return Snapshot(env=self.env, files=tuple(new if file is old else file for file in self.files))


def unknown_env(env: str, layout: Layout, known: Iterable[str]) -> UnknownEnvError:
    """Return the error for a missing *env*, with the paths that were tried and the *known* environments."""
    where = " or ".join(layout.globs(env))
    return UnknownEnvError(f"no environment '{env}' at {where}; known: {', '.join(known) or 'none'}")


def natural(name: str) -> tuple[tuple[bool, int | str], ...]:
    """Return a sort key that puts `env-2` before `env-10`."""
    return tuple((False, int(part)) if part.isdigit() else (True, part) for part in re.split(r"(\d+)", name) if part)


def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{env\}|\{service\})", pattern)
    name = NAME.pattern.replace("(?!.*\\.\\.)", "")
    return re.compile("".join(f"(?P<{p[1:-1]}>{name})" if p in (ENV, SERVICE) else re.escape(p) for p in parts))
