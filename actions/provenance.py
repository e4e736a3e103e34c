"""Where a tag came from: the commit of the infra repository that brought it, and the pull request behind that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actions import trailers
from actions.api import FILE, query
from actions.errors import EnvFileError
from actions.trailers import Said

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.change import Change
    from actions.config import Config
    from actions.layout import Layout
    from actions.repository import Repository

PERMISSION = "contents: read, pull requests: read"
FREEZE_LABEL = "freeze-override"
MOST_COMMITS = 50
USER = "user { login }"
PULL = f"""state headRefOid body author {{ login __typename }} labels(first: 100) {{ nodes {{ name }} }}
    files(first: 100) {{ totalCount nodes {{ path }} }}
    commits(last: 100) {{ nodes {{ commit {{ message author {{ {USER} }} committer {{ {USER} }} }} }} }}
    reviews(last: 100) {{ nodes {{
        state author {{ login __typename }} authorCanPushToRepository commit {{ oid }} }} }}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What the change that brought a tag says of itself, and whether somebody independent approved it.

    If nobody did, and it is of a *bot*, *foreign* are the files in it that are no env files.
    """

    said: Said
    freeze_label: bool
    approved: bool
    bot: str = ""
    foreign: tuple[str, ...] = ()


def origin(infra: Repository, config: Config, layout: Layout, change: Change, head: str) -> Origin:
    """Return where the tag that *change* brings came from, on the branch that ends with *head*."""
    history = f"""history(first: {MOST_COMMITS}, path: $path) {{ nodes {{
        oid message parents(first: 1) {{ totalCount }} file(path: $path) {{ {FILE} }}
        associatedPullRequests(first: 5) {{ nodes {{ {PULL} }} }} }} }}"""
    document = query(
        variables={"oid": "GitObjectID!", "path": "String!"},
        paths=(),
        fields=f"object(oid: $oid) {{ ... on Commit {{ {history} }} }}",
    )
    found = infra.ask(document, {"oid": head, "path": change.file}, permission=PERMISSION)["object"]
    commits = found["history"]["nodes"] if found else []
    return _origin(config, layout, _bringer(layout, commits, change)) if commits else _nowhere()


def _bringer(layout: Layout, commits: Sequence[Mapping[str, Any]], change: Change) -> Mapping[str, Any]:
    """Return the commit, of those that changed the file, newest first, since which the tag has been what it is."""
    bringer = commits[0]
    if change.before == change.after:
        return bringer  # something else than the tag has changed
    for commit in commits:
        blob = (commit["file"] or {}).get("object") or {}
        try:
            tags = layout.env_file(change.file, blob.get("text") or "").tags()
        except EnvFileError:
            tags = {}
        if tags.get(change.service) != change.after:
            break
        bringer = commit
    return bringer


def _origin(config: Config, layout: Layout, commit: Mapping[str, Any]) -> Origin:
    pulls = [pull for pull in commit["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
    if not pulls:
        # The first commit of a repository: there was nobody yet to approve it.
        first = commit["parents"]["totalCount"] == 0
        return replace(_nowhere(), said=trailers.read(commit["message"]), approved=first)
    pull = pulls[0]
    messages = "\n".join(node["commit"]["message"] for node in pull["commits"]["nodes"])
    said, in_body = trailers.read(messages), trailers.read(pull["body"]).freeze_override
    approved, author = _is_approved(config, pull, trailers.requesters(messages)), _login(pull["author"])
    is_bot = config.is_bot(author) or (pull["author"] or {}).get("__typename") == "Bot"
    return Origin(
        said=replace(said, freeze_override=said.freeze_override or in_body),
        freeze_label=FREEZE_LABEL in [label["name"] for label in pull["labels"]["nodes"]],
        approved=approved,
        bot=author if is_bot and not approved else "",
        foreign=_foreign(layout, pull["files"]),
    )


def _foreign(layout: Layout, files: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files of a pull request that are no env files; those that GitHub does not list are none either."""
    paths = [node["path"] for node in files["nodes"]]
    unlisted = files["totalCount"] - len(paths)
    return (*(path for path in paths if not layout.owner(path)), *([f"{unlisted} more"] if unlisted else []))


def _nowhere() -> Origin:
    return Origin(said=Said(), freeze_label=False, approved=False)


def _is_approved(config: Config, pull: Mapping[str, Any], requesters: Collection[str]) -> bool:
    """Tell whether somebody who had no part in the change, and is no bot, approved it as it was merged.

    Who had a bot make it has a part in it.
    """
    involved = {_login(pull["author"]), *requesters}
    for node in pull["commits"]["nodes"]:
        involved |= {_login((node["commit"][role] or {}).get("user")) for role in ("author", "committer")}
    latest = {_login(review["author"]): review for review in pull["reviews"]["nodes"] if review["state"] != "COMMENTED"}
    return any(
        review["state"] == "APPROVED"
        and (review["commit"] or {}).get("oid") == pull["headRefOid"]
        and review["authorCanPushToRepository"]
        and login not in involved
        and not config.is_bot(login)
        and (review["author"] or {}).get("__typename") == "User"
        for login, review in latest.items()
    )


def _login(actor: Mapping[str, Any] | None) -> str:
    return str((actor or {}).get("login", ""))
