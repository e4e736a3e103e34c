"""Where a change came from: the commits of the infra repository that brought it, and the pull requests behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import FILE, query
from actions.app.facts import Unknown
from actions.errors import EnvFileError
from actions.gates import approval, trailers
from actions.gates.approval import RejectionReason, ReviewedChange
from actions.gates.trailers import Trailers
from actions.infra.env_diff import EnvDiff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.infra.change import Change
    from actions.infra.config import Config
    from actions.infra.layout import Layout, Snapshot

PERMISSION = "contents: read, pull requests: read"
FREEZE_LABEL = "freeze-override"
PER_PAGE = 50
MOST_PAGES = 6
MOST_COMMITS = 100  # of a pull request
PULL = f"""state baseRefName headRefOid body author {{ login __typename }} labels(first: 100) {{ nodes {{ name }} }}
    files(first: 100) {{ totalCount nodes {{ path }} }}
    commits(last: {MOST_COMMITS}) {{ {approval.COMMITS} }} reviews(last: 100) {{ {approval.REVIEWS} }}"""
HISTORY = f"""history(first: {PER_PAGE}, after: $cursor, path: $path) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
        oid message parents(first: 1) {{ totalCount }} file(path: $path) {{ {FILE} }}
        associatedPullRequests(first: 5) {{ nodes {{ {PULL} }} }} }} }}"""
DOCUMENT = query(
    variables={"oid": "GitObjectID!", "path": "String!", "cursor": "String"},
    fields=f"defaultBranchRef {{ name }} object(oid: $oid) {{ ... on Commit {{ {HISTORY} }} }}",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a change says of itself, and whether somebody independent approved all of it.

    If nobody did, and it is of a *bot*, *foreign* are the files in which it changes more than tags.
    """

    trailers: Trailers
    freeze_label: bool
    approved: bool | Unknown
    bot: str = ""
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """One commit of the file, with the text of the file before and after it; "" where it is not there, or no text."""

    commit: Mapping[str, Any]
    before: str
    after: str


def find_origin(
    infra: Repository, config: Config, layout: Layout, change: Change, deployed: Snapshot | None, head: str
) -> Origin:
    """Return where that came from which *change*, on the branch that ends with *head*, has and *deployed* has not.

    *deployed* is None if nothing is known to have been.
    """
    origins: list[Origin] = []
    history = _History(infra, head, change.file)
    wanted = _part(layout, change, _text_of(deployed, change)) if deployed else None
    for step in history.steps():
        part = _part(layout, change, step.after)
        if part == wanted or (wanted is None and part is None):
            break
        if part != _part(layout, change, step.before):
            origins.append(_origin(config, layout, change, step, history.branch))
            if not _is_readable(layout, change, step.before):
                break  # this commit brought all of it
    else:
        if not history.is_whole:
            return _nowhere(
                Unknown(f"who changed {change.file}: it was changed more than {PER_PAGE * MOST_PAGES} times")
            )
    return (
        _together(origins) if origins else _nowhere(Unknown(f"which commit changed {change.service} in {change.file}"))
    )


class _History:
    """The commits up to *head* that changed the file at *path*, newest first; read as far as is asked for."""

    def __init__(self, infra: Repository, head: str, path: str) -> None:
        self._infra = infra
        self._given: dict[str, object] = {"oid": head, "path": path, "cursor": None}
        self.branch = ""
        self.is_whole = False

    def steps(self) -> Iterator[_Step]:
        newer: Mapping[str, Any] | None = None
        for _ in range(MOST_PAGES):
            answer = self._infra.client.repository(DOCUMENT, self._given, permission=PERMISSION)
            self.branch = (answer["defaultBranchRef"] or {}).get("name", "")
            history = answer["object"]["history"] if answer["object"] else {"nodes": [], "pageInfo": {}}
            for commit in history["nodes"]:
                if newer:
                    yield _Step(commit=newer, before=_text(commit), after=_text(newer))
                newer = commit
            if not history["pageInfo"].get("hasNextPage"):
                self.is_whole = True
                yield from [_Step(commit=newer, before="", after=_text(newer))] if newer else []
                return
            self._given["cursor"] = history["pageInfo"]["endCursor"]


def _text(commit: Mapping[str, Any]) -> str:
    return ((commit["file"] or {}).get("object") or {}).get("text") or ""


def _text_of(snapshot: Snapshot | None, change: Change) -> str:
    return next((file.text for file in (snapshot.files if snapshot else ()) if file.path == change.file), "")


def _part(layout: Layout, change: Change, text: str) -> object:
    """Return what *text* says of the service of *change*, with what it says of no service; None if nothing."""
    file = layout.env_file(change.file, text)
    try:
        services, rest = file.parts() if text else ({}, None)
    except EnvFileError:
        return text  # nobody can tell: any change of it counts
    if change.service not in services:
        return None
    return services[change.service], rest if file.tag_path.names_service else None


def _is_readable(layout: Layout, change: Change, text: str) -> bool:
    try:
        return bool(text) and bool(layout.env_file(change.file, text).tags())
    except EnvFileError:
        return False


def _together(origins: Sequence[Origin]) -> Origin:
    """Return what several commits, newest first, are as one change: what holds for it holds for each of them."""
    said = Trailers()
    for origin in origins[::-1]:
        said = said.then(origin.trailers)
    doubts = [origin.approved for origin in origins if origin.approved is not True]
    return Origin(
        trailers=said,
        freeze_label=all(origin.freeze_label and origin.trailers.freeze_override for origin in origins),
        approved=(False if False in doubts else doubts[0]) if doubts else True,
        bot=next((origin.bot for origin in origins if origin.bot), ""),
        foreign=tuple(dict.fromkeys(path for origin in origins for path in origin.foreign)),
    )


def _origin(config: Config, layout: Layout, change: Change, step: _Step, branch: str) -> Origin:
    commit = step.commit
    merged = (pull for pull in commit["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED")
    pull = next((pull for pull in merged if pull["baseRefName"] == branch), None)
    if not pull:
        # The first commit of a repository: there was nobody yet to approve it.
        first = commit["parents"]["totalCount"] == 0
        return Origin(trailers=trailers.read(commit["message"]), freeze_label=False, approved=first)
    commits = pull["commits"]["nodes"]
    said = trailers.read("\n\n".join(node["commit"]["message"] for node in commits))
    in_body = trailers.read(pull["body"])
    approved, author = _is_approved(config, pull), approval.login(pull["author"])
    is_bot = config.is_bot(author) or (pull["author"] or {}).get("__typename") == "Bot"
    judged = is_bot and approved is not True
    return Origin(
        trailers=said.then(Trailers(freeze_override="" if said.freeze_override else in_body.freeze_override)),
        freeze_label=FREEZE_LABEL in [label["name"] for label in pull["labels"]["nodes"]],
        approved=approved,
        bot=author if judged else "",
        foreign=_foreign(layout, change, step, pull["files"]) if judged else (),
    )


def _foreign(layout: Layout, change: Change, step: _Step, files: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the files of a pull request that hold no tags, and the one of *change* if more than tags change in it.

    Those that GitHub does not list are none either. What it does to other env files is for their own changes to say.
    """
    paths = [node["path"] for node in files["nodes"]]
    base, head = (layout.group({change.file: text}) if text else {} for text in (step.before, step.after))
    more = EnvDiff(base=base, head=head, now=base).foreign([change.file])
    unlisted = files["totalCount"] - len(paths)
    return (*(path for path in paths if not layout.owner(path)), *more, *([f"{unlisted} more"] if unlisted else []))


def _nowhere(why: Unknown) -> Origin:
    return Origin(trailers=Trailers(), freeze_label=False, approved=why)


def _is_approved(config: Config, pull: Mapping[str, Any]) -> bool | Unknown:
    """Tell whether somebody who had no part in the change, and is no bot, approved it as it was merged."""
    commits = pull["commits"]
    authorship = approval.read_authorship(commits["nodes"])
    found = approval.find_approval(
        approval.read_reviews(pull["reviews"]["nodes"]),
        ReviewedChange(
            head=pull["headRefOid"],
            contributors=(approval.login(pull["author"]), *authorship.writers, *authorship.requesters),
            unattributed_commits=authorship.unattributed_commits,
        ),
        is_bot=config.is_bot,
    )
    if found.by and commits["totalCount"] > len(commits["nodes"]):
        return Unknown(f"who wrote all of a pull request of more than {MOST_COMMITS} commits")
    return Unknown(found.detail) if found.rejection is RejectionReason.UNKNOWN else bool(found.by)
