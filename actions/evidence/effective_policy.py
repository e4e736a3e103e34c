"""What `gitops.yml` required of a change of an environment: before it and after it, whichever is stricter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.errors import EnvFileError
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.evidence.files import Versions


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectivePolicy:
    """What `gitops.yml` required of a change: what it says *before* and *after* it, whichever is stricter.

    So no change can loosen the rules for itself.
    """

    before: Config
    after: Config
    env: str
    unknown: Mapping[str, str]

    @classmethod
    def of(cls, versions: Versions, env: str) -> EffectivePolicy:
        """Return what was required of the commit with *versions*; the first commit is held to what it brings itself."""
        texts = [
            (versions.before if versions.parents else versions.after).get(PATH, ""),
            versions.after.get(PATH, ""),
        ]
        configs, unknown = [], {}
        for text in texts:
            try:
                configs.append(parse_config(text))
            except EnvFileError as error:
                configs.append(Config())
                unknown[f"what {PATH} says"] = str(error)
        return cls(before=configs[0], after=configs[1], env=env, unknown=unknown)

    @property
    def changed(self) -> bool:
        """Tell whether the change alters what is required of the environment, or what cannot be read."""
        if self.unknown:
            return True
        before, after = (
            replace(config, environments={"": config.environment(self.env)}) for config in (self.before, self.after)
        )
        return before != after

    @property
    def needs_review(self) -> bool:
        """Tell whether a person had to approve the change, for instance because it alters the policy itself."""
        return self.changed or self.before.needs_review(self.env)

    @property
    def bots(self) -> tuple[str, ...]:
        """Return the accounts that were, or are, no people."""
        return tuple(dict.fromkeys((*self.before.bots, *self.after.bots)))

    @property
    def hotfix_prefix(self) -> str:
        """Return what the names of hotfix branches started with."""
        return self.before.hotfix_prefix

    def repo_of(self, service: str, default: str, *, is_new: bool) -> str:
        """Return the repository of a service: the one it had, unless the service *is_new*."""
        return (self.after if is_new else self.before).repo_of(service, default)
