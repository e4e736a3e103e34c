"""Compare the env files of a pull request with its base: changed tags, invalid files, changes of other values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import ActionError, EnvFileError, NoTagError, UnknownServiceError
from actions.infra.change import Change
from actions.tags import require_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from actions.infra.env_file import EnvFile
    from actions.infra.layout import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvDiff:
    """The environments at the merge base of a pull request, at its *head*, and on its base branch *now*."""

    base: Mapping[str, Snapshot]
    head: Mapping[str, Snapshot]
    now: Mapping[str, Snapshot]

    def changes(self) -> list[Change]:
        """Return the tags that the pull request sets or removes, compared with *now*; invalid files have none."""
        valid = [snapshot for snapshot in self.head.values() if not self._problems(snapshot)]
        return [
            *(change for snapshot in valid for change in self._set(snapshot)),
            *(change for snapshot in self.base.values() for change in self._removed(snapshot)),
        ]

    def services(self) -> set[str]:
        """Return the services of all environments now."""
        return {service for snapshot in self.now.values() for service in _tags(snapshot)}

    def problems(self) -> list[ActionError]:
        """Return what is wrong with the env files at the head."""
        return [problem for snapshot in self.head.values() for problem in self._problems(snapshot)]

    def foreign(self, paths: Iterable[str]) -> list[str]:
        """Return the files of *paths*, which the pull request touches, in which it changes more than tags."""
        texts = {file.path: file.text for snapshot in self.head.values() for file in snapshot.files}
        expected = {file.path: file.text for snapshot in self.base.values() for file in self._with_new_tags(snapshot)}
        return [path for path in paths if path not in texts or texts[path] != expected.get(path)]

    def _set(self, head: Snapshot) -> Iterator[Change]:
        base, now = _tags(self.base.get(head.env)), _tags(self.now.get(head.env))
        for service, tag in head.tags().items():
            before = now.get(service, "")
            if tag and tag not in (base.get(service), before):
                path = head.file_of(service).path
                yield Change(env=head.env, service=service, file=path, before=before, after=tag)

    def _removed(self, base: Snapshot) -> Iterator[Change]:
        head = self.head.get(base.env)
        if head and self._problems(head):
            return
        remaining, now = _tags(head), _tags(self.now.get(base.env))
        for service, tag in _tags(base).items():
            if tag and service not in remaining and now.get(service):
                path = base.file_of(service).path
                yield Change(env=base.env, service=service, file=path, before=now[service], after="")

    def _problems(self, head: Snapshot) -> list[ActionError]:
        problems: list[ActionError] = []
        base = _tags(self.base.get(head.env))
        for file in head.files:
            try:
                tags = file.tags()
                for service, tag in tags.items():
                    if tag and tag != base.get(service):
                        require_tag(tag, file=file.path)
                lost = [name for name, tag in base.items() if tag and not tags.get(name) and file.mentions(name)]
                problems += [
                    NoTagError(f"service '{name}' has lost its tag in {file.path}", file=file.path, line=1)
                    for name in lost
                ]
            except ActionError as error:
                problems.append(error)
        return problems

    def _with_new_tags(self, base: Snapshot) -> Iterable[EnvFile]:
        head = self.head.get(base.env)
        try:
            for service, tag in _tags(head).items() if head else ():
                if tag and tag != base.tags().get(service):
                    base = base.with_tag(service, tag)
        except (EnvFileError, UnknownServiceError):
            return ()
        return base.files


def _tags(snapshot: Snapshot | None) -> dict[str, str]:
    """Return the tags of *snapshot*, none if it is missing or invalid."""
    try:
        return snapshot.tags() if snapshot else {}
    except EnvFileError:
        return {}
