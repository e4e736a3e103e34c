"""Compare the env files of a pull request with its base: changed artifacts, invalid files, other changed values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import ActionError, EnvFileError, InputError, NoTagError
from actions.infra.change import Change, plan_changes
from actions.tags import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from actions.infra.env_file import EnvFile
    from actions.infra.layout import Layout, Snapshot

NOTHING = Artifact("")


def changes_only_free_tags(
    paths: Sequence[str],
    texts: tuple[Mapping[str, str], Mapping[str, str]],
    layout: Layout,
    needs_review: Callable[[str], bool],
) -> bool:
    """Tell whether a change of the files *paths* brings only artifacts to environments that need no review.

    *texts* are the files before and after it.
    """
    owners = [layout.owner(path) for path in paths]
    if not all(owner and not needs_review(owner[0]) for owner in owners):
        return False
    old, new = (layout.group(each) for each in texts)
    return not EnvDiff(base=old, head=new, now=old).foreign(paths)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvDiff:
    """The environments at the merge base of a pull request, at its *head*, and on its base branch *now*."""

    base: Mapping[str, Snapshot]
    head: Mapping[str, Snapshot]
    now: Mapping[str, Snapshot]

    def changes(self) -> list[Change]:
        """Return the artifacts that the pull request sets or removes, compared with *now*; invalid files have none."""
        valid = [snapshot for snapshot in self.head.values() if not self._problems(snapshot)]
        return [
            *(change for snapshot in valid for change in self._set(snapshot)),
            *(change for snapshot in self.base.values() for change in self._removed(snapshot)),
        ]

    def services(self) -> set[str]:
        """Return the services of all environments now."""
        return {service for snapshot in self.now.values() for service in _artifacts(snapshot)}

    def problems(self) -> list[ActionError]:
        """Return what is wrong with the env files at the head."""
        return [problem for snapshot in self.head.values() for problem in self._problems(snapshot)]

    def foreign(self, paths: Iterable[str]) -> list[str]:
        """Return the files of *paths*, which the pull request touches, in which it changes more than artifacts.

        Removing the digest of a tag that stays is more than that: the tag could be overwritten unnoticed.
        """
        texts = {file.path: file.text for snapshot in self.head.values() for file in snapshot.files}
        expected = {file.path: file.text for snapshot in self.base.values() for file in self._with_new_tags(snapshot)}
        return [path for path in paths if path not in texts or texts[path] != expected.get(path)]

    def _set(self, head: Snapshot) -> Iterator[Change]:
        base, now = _artifacts(self.base.get(head.env)), _artifacts(self.now.get(head.env))
        for service, artifact in head.artifacts().items():
            before = now.get(service, NOTHING)
            after = _merged(base.get(service, NOTHING), artifact, before)
            if after.tag and after != before:
                yield Change(
                    env=head.env,
                    service=service,
                    file=head.file_of(service).path,
                    before=before.tag,
                    after=after.tag,
                    digest_before=before.digest,
                    digest=after.digest,
                )

    def _removed(self, base: Snapshot) -> Iterator[Change]:
        head = self.head.get(base.env)
        if head and self._problems(head):
            return
        remaining, now = _artifacts(head), _artifacts(self.now.get(base.env))
        for service, old in _artifacts(base).items():
            before = now.get(service, NOTHING)
            if old.tag and service not in remaining and before.tag:
                yield Change(
                    env=base.env,
                    service=service,
                    file=base.file_of(service).path,
                    before=before.tag,
                    after="",
                    digest_before=before.digest,
                )

    def _problems(self, head: Snapshot) -> list[ActionError]:
        problems: list[ActionError] = []
        base = _artifacts(self.base.get(head.env))
        for file in head.files:
            try:
                tags, digests = file.tags(), file.digests()
                for service, tag in tags.items():
                    old = base.get(service, NOTHING)
                    if tag and tag != old.tag:
                        file.require_tag(service, tag)
                    if Artifact(tag, digests[service]) != old:
                        file.require_digest(service, digests[service])
                lost = [name for name, old in base.items() if old.tag and not tags.get(name) and file.mentions(name)]
                problems += [
                    NoTagError(f"service '{name}' has lost its tag in {file.path}", file=file.path, line=1)
                    for name in lost
                ]
            except ActionError as error:
                problems.append(error)
        return problems

    def _with_new_tags(self, base: Snapshot) -> Iterable[EnvFile]:
        """Return the files that *base* has if nothing but artifacts change, none if they cannot be changed alone."""
        old = _artifacts(base)
        head = _artifacts(self.head.get(base.env))
        wanted = {service: new for service, new in head.items() if new.tag and new != old.get(service)}
        try:
            return plan_changes(base, wanted).after.files
        except (EnvFileError, InputError):
            return ()


def _artifacts(snapshot: Snapshot | None) -> dict[str, Artifact]:
    """Return the artifacts of *snapshot*, none if it is missing or invalid."""
    try:
        return snapshot.artifacts() if snapshot else {}
    except EnvFileError:
        return {}


def _merged(base: Artifact, head: Artifact, now: Artifact) -> Artifact:
    """Return what *now* becomes by the merge of *head*, which began at *base*."""
    return Artifact(
        tag=now.tag if head.tag == base.tag else head.tag,
        digest=now.digest if head.digest == base.digest else head.digest,
    )
