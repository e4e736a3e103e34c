"""What was asked of a change of an environment, by `gitops.yml` before it and after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.config import PATH, Config
from actions.errors import EnvFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.evidence.nodes import Versions


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What `gitops.yml` asked of a change: what it said before and what it says after it, whichever asks for more.

    So no change makes its own way easier. *changed* tells whether it changes what is asked for.
    """

    then: Config
    now: Config
    env: str
    unknown: Mapping[str, str]

    @classmethod
    def of(cls, each: Versions, env: str) -> Asked:
        """Return what was asked of *each*; the first commit of a repository is asked by what it brings itself."""
        texts = [(each.before if each.parents else each.after).get(PATH, ""), each.after.get(PATH, "")]
        found, unknown = [], {}
        for text in texts:
            try:
                found.append(Config.parse(text))
            except EnvFileError as error:
                found.append(Config())
                unknown[f"what {PATH} says"] = str(error)
        return cls(then=found[0], now=found[1], env=env, unknown=unknown)

    @property
    def changed(self) -> bool:
        """Tell whether it changes what is asked of the environment, or what cannot be read."""
        if self.unknown:
            return True
        then, now = (replace(each, environments={"": each.environment(self.env)}) for each in (self.then, self.now))
        return then != now

    @property
    def needs_review(self) -> bool:
        """Tell whether a person had to approve it: also if nothing but what is asked for changes."""
        return self.changed or self.then.needs_review(self.env)

    @property
    def bots(self) -> tuple[str, ...]:
        """Return who was, or is, no person."""
        return tuple(dict.fromkeys((*self.then.bots, *self.now.bots)))

    @property
    def hotfix_prefix(self) -> str:
        """Return what the names of hotfix branches started with."""
        return self.then.hotfix_prefix

    def repo_of(self, service: str, default: str, *, is_new: bool) -> str:
        """Return the repository of a service: that which it had, unless the service *is_new*."""
        return (self.now if is_new else self.then).repo_of(service, default)
