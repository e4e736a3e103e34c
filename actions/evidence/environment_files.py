"""Find an environment in the files of one commit: its files, its tags, and the services to deploy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.deployments.matrix import difference
from actions.errors import EnvFileError, InputError
from actions.infra.config import PATH
from actions.infra.config_file import parse_config
from actions.infra.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actions.evidence.files import Versions
    from actions.infra.layout import Snapshot


@dataclass(frozen=True)
class EnvironmentFiles:
    """The files of *env*, according to `gitops.yml` at the same commit."""

    env: str
    envs_dir: str
    _layouts: dict[str, Layout] = field(default_factory=dict, repr=False)

    def layout(self, config: str) -> Layout:
        """Return the layout that *config*, the text of `gitops.yml`, sets; the default one if it is invalid."""
        if config not in self._layouts:
            try:
                self._layouts[config] = parse_config(config).layout(self.envs_dir)
            except (EnvFileError, InputError):
                self._layouts[config] = Layout.default(self.envs_dir)
        return self._layouts[config]

    def own(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the part of *texts*, files by path, that belongs to the environment."""
        layout = self.layout(texts.get(PATH, ""))
        return {path: text for path, text in texts.items() if self.owns(layout, path)}

    def owns(self, layout: Layout, path: str) -> bool:
        """Tell whether the file at *path* is the environment's, by *layout*; GitHub ignores the case of its name."""
        owner = layout.owner(path)
        return bool(owner and owner[0].casefold() == self.env.casefold())

    def _snapshot(self, snapshots: Mapping[str, Snapshot]) -> Snapshot | None:
        return next((snapshot for env, snapshot in snapshots.items() if env.casefold() == self.env.casefold()), None)

    def tags(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the tags in *texts*, without those of invalid files."""
        tags: dict[str, str] = {}
        layout = self.layout(texts.get(PATH, ""))
        for path, text in self.own(texts).items():
            try:
                tags |= {service: tag for service, tag in layout.env_file(path, text).tags().items() if tag}
            except EnvFileError:
                continue
        return tags

    def file_of(self, service: str, texts: Mapping[str, str]) -> str:
        """Return the path of the file in *texts* with the tag of *service*, "" if there is none."""
        config = texts.get(PATH, "")
        return next((path for path in texts if service in self.tags({path: texts[path], PATH: config})), "")

    def problems(self, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the path of every invalid env file in *texts*, and what is wrong with it."""
        layout = self.layout(texts.get(PATH, ""))
        for path, text in self.own(texts).items():
            try:
                layout.env_file(path, text).tags()
            except EnvFileError as error:
                yield path, str(error)

    def services_to_deploy(self, versions: Versions) -> tuple[str, ...]:
        """Return the services that deploy-matrix deploys after a commit; "" stands for the whole environment.

        A change of formatting deploys nothing, nor does the removal of the environment.
        """
        before, after = self.own(versions.before), self.own(versions.after)
        try:
            now = self._snapshot(self.layout(versions.after.get(PATH, "")).group(after))
            then = self._snapshot(self.layout(versions.before.get(PATH, "")).group(before))
            diff = difference(now, then) if now else None
        except EnvFileError:
            return ("",)
        return diff.changed or (("",) if diff.removed else ()) if diff else ()


def moved_tags(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the tags that differ as (service, tag before, tag after), "" for no tag."""
    services = dict.fromkeys([*before, *after])
    return [(s, before.get(s, ""), after.get(s, "")) for s in services if before.get(s) != after.get(s)]
