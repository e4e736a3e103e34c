"""Work out what an environment ran, and when, from its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from actions.infra.layout import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The infra commit *sha* was deployed to *name* at the moment *at*.

    *name* is the environment, or `env/service` if only that service was deployed. *snapshot* is the environment at the
    commit, *tags* are the deployed tags, *commits* what those of them named that are versions. An *adopted* one was not
    deployed: it ran before there were records. If the attempt has not *succeeded*, nobody knows which tags run.
    """

    at: datetime
    name: str
    sha: str
    snapshot: Snapshot
    tags: Mapping[str, str]
    commits: Mapping[str, str] = field(default_factory=dict)
    adopted: bool = False
    succeeded: bool = True

    def commit_of(self, service: str) -> str:
        """Return the commit that the tag of *service* named when it was deployed, "" if that is not known."""
        tag = self.tags.get(service, "")
        return tag if is_commit(tag) else self.commits.get(service, "")

    def digest_of(self, service: str) -> str:
        """Return the digest that stood beside the tag of *service*, "" if none did."""
        found = self.snapshot.artifacts().get(service)
        return found.digest if found and self.tags.get(service) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedPeriod:
    """A tag, with its *commit* and its *digest*, that ran from *since* to *until* (None: it still does)."""

    tag: str
    since: datetime
    until: datetime | None
    commit: str = ""
    digest: str = ""

    def is_of(self, tag: str, digest: str) -> bool:
        """Tell whether the artifact *tag* ran; without a *digest* it is bound by its name only."""
        return self.tag == tag and digest in ("", self.digest)


def deployed_periods(records: Iterable[Record], service: str) -> Iterator[DeployedPeriod]:
    """Yield the periods of the tags of *service*; *records* and periods come newest first.

    A record of the whole environment without the service ends the period of its tag. A tag that names another commit
    than before, or has another digest, is another one.
    """
    ran, since, until = ("", "", ""), None, None
    for record in records:
        deployed = record.tags.get(service, "")
        if not deployed and "/" in record.name:
            continue  # a record of another service
        artifact = deployed, record.commit_of(service), record.digest_of(service)
        if artifact != ran:
            if ran[0] and since:
                yield DeployedPeriod(tag=ran[0], since=since, until=until, commit=ran[1], digest=ran[2])
            ran, until = artifact, since
        since = record.at
    if ran[0] and since:
        yield DeployedPeriod(tag=ran[0], since=since, until=until, commit=ran[1], digest=ran[2])


def earlier_tag(periods: Iterable[DeployedPeriod], present: str, steps: int) -> str:
    """Return the tag *steps* before *present*, "" if there is none; every tag counts once, at its last run."""
    tags = dict.fromkeys(period.tag for period in periods if period.tag != present)
    return next(islice(tags, steps - 1, None), "")
