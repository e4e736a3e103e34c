"""Take what runs in an environment as it is: that of the commit that `adopt` names, recorded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.deployments.records import Payload
from actions.errors import ConfigError, EnvFileError
from actions.infra.config import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.deployments.records import DefaultBranch, RecordReader
    from actions.deployments.writer import DeploymentWriter
    from actions.infra.layout import Snapshot


def adopt(
    reader: RecordReader, branch: DefaultBranch, writer: DeploymentWriter, unknown: Sequence[Snapshot], log_url: str
) -> list[str]:
    """Record what `adopt` says of the *unknown* environments, which have no record yet, and return their names.

    Raises ConfigError if the commit is not on the branch: it would be one that nobody had to approve.
    """
    commit = reader.config.adopt
    if not commit or not unknown:
        return []
    if not branch.has(commit):
        raise ConfigError(f"{PATH}: adopt is {commit}, which is no commit of the default branch", file=PATH, line=1)
    paths = [file.path for snapshot in unknown for file in snapshot.files]
    there = reader.layout.group(reader.infra.files_at(commit, paths) or {})
    adopted = [snapshot.env for snapshot in unknown if snapshot.env in there and _has_tags(there[snapshot.env])]
    for env in adopted:
        payload = Payload(adopted=True).as_json()
        number = writer.create(env, commit, payload, description="Ran here before there were records")
        writer.set_state(number, "success", log_url)
    return adopted


def _has_tags(snapshot: Snapshot) -> bool:
    try:
        return any(snapshot.tags().values())
    except EnvFileError:
        return False
