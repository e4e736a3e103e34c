"""Decide what `gitops.yml` required of a change: the version before or after it, whichever is stricter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.errors import EnvFileError
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config
from actions.tag_names import TagNames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.checks import NamedCheck
    from actions.evidence.files import Versions
    from actions.infra.config import Emergency, Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectivePolicy:
    """The stricter of `gitops.yml` *before* and *after* a change, so that no change can loosen the rules for itself."""

    before: Config
    after: Config
    env: str
    unknown: Mapping[str, str]

    @classmethod
    def of(cls, versions: Versions, env: str) -> EffectivePolicy:
        """Read the policy for the commit with *versions*; for the first commit, the one it brings itself."""
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
                unknown[f"the content of {PATH}"] = str(error)
        return cls(before=configs[0], after=configs[1], env=env, unknown=unknown)

    @property
    def changed(self) -> bool:
        """Tell whether the change alters the rules for the environment; an unreadable file counts as altered."""
        if self.unknown:
            return True
        before, after = (
            replace(config, environments={"": config.environment(self.env)}) for config in (self.before, self.after)
        )
        return before != after

    @property
    def needs_review(self) -> bool:
        """Tell whether a human had to approve the change. A change of the rules always needs it."""
        return self.changed or self.before.needs_review(self.env)

    @property
    def environments(self) -> tuple[Environment, ...]:
        """Return the rules of the environment before and after the change, once if they are the same."""
        before, after = self.before.environment(self.env), self.after.environment(self.env)
        return (before,) if before == after else (before, after)

    @property
    def bots(self) -> tuple[str, ...]:
        """Return the accounts that either version lists as bots."""
        return tuple(dict.fromkeys((*self.before.bots, *self.after.bots)))

    @property
    def hotfix_prefix(self) -> str:
        """Return the prefix of hotfix branches before the change."""
        return self.before.hotfix_prefix

    @property
    def checks(self) -> tuple[NamedCheck, ...]:
        """Return the checks that the environment required before the change, beside those of its services."""
        return self.before.environment(self.env).checks

    @property
    def ticket(self) -> str:
        """Return the pattern of the tickets that a change had to name before this one, "" for none."""
        return self.before.environment(self.env).ticket

    @property
    def emergency(self) -> Emergency | None:
        """Return who could have the environment rolled back without a review before this change, None if nobody."""
        return self.before.environment(self.env).emergency

    def checks_of(self, service: str) -> tuple[NamedCheck, ...] | None:
        """Return the checks that `gitops.yml` named for *service* before the change, None if it named none."""
        return self.before.checks.get(service)

    def names_of(self, service: str, *, is_new: bool) -> TagNames:
        """Return how the tags of a service were called before the change or, if the service *is_new*, after it."""
        return (self.after if is_new else self.before).tag_names.get(service, TagNames())

    def repo_of(self, service: str, default: str, *, is_new: bool) -> str:
        """Return the repository of a service before the change or, if the service *is_new*, after it."""
        return (self.after if is_new else self.before).repo_of(service, default)
