"""Read pull requests with all that says whether a human who did not contribute approved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.app.facts import Unknown
from actions.gates import approval
from actions.gates.approval import RejectionReason, ReviewedChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actions.api.client import Client
    from actions.gates.approval import Authorship
    from actions.gates.emergency import EmergencyTeam
    from actions.gates.request_runs import RequestRuns
    from actions.infra.config import Config

PERMISSION = "contents: read, pull requests: read"
PULLS_PER_QUERY = 20
MOST_COMMITS = 100  # of a pull request
PULL = f"""number title headRefName headRefOid baseRefName
    author {{ login __typename }} labels(first: 100) {{ nodes {{ name }} }}
    timelineItems(last: 50, itemTypes: [LABELED_EVENT]) {{ nodes {{
        ... on LabeledEvent {{ label {{ name }} actor {{ login __typename }} }} }} }}
    files(first: 100) {{ totalCount nodes {{ path changeType }} }}
    commits(first: 20) {{ {approval.COMMITS} }} reviews(last: 100) {{ {approval.REVIEWS} }}"""
MORE_COMMITS = query(
    variables={"number": "Int!", "cursor": "String"},
    fields=f"""pullRequest(number: $number) {{
        commits(first: {MOST_COMMITS}, after: $cursor) {{ {approval.COMMITS} }} }}""",
)


def read_pulls(client: Client, numbers: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """Return the pull requests *numbers*, in few requests, each with its commits up to MOST_COMMITS."""
    wanted = list(numbers)
    pulls: dict[int, Mapping[str, Any]] = {}
    for start in range(0, len(wanted), PULLS_PER_QUERY):
        batch = {f"n{number}": number for number in wanted[start : start + PULLS_PER_QUERY]}
        document = query(
            variables=dict.fromkeys(batch, "Int!"),
            fields=" ".join(f"{name}: pullRequest(number: ${name}) {{ {PULL} }}" for name in batch),
        )
        answer = client.repository(document, batch, permission=PERMISSION)
        pulls |= {number: _whole(client, answer[name]) for name, number in batch.items()}
    return pulls


def _whole(client: Client, pull: dict[str, Any]) -> dict[str, Any]:
    """Return *pull* with its commits up to MOST_COMMITS; few have more than come at once."""
    commits = pull["commits"]
    if commits["pageInfo"]["hasNextPage"]:
        variables = {"number": pull["number"], "cursor": commits["pageInfo"]["endCursor"]}
        more = client.repository(MORE_COMMITS, variables, permission=PERMISSION)["pullRequest"]["commits"]["nodes"]
        commits = {**commits, "nodes": [*commits["nodes"], *more][:MOST_COMMITS]}
    return {**pull, "commits": commits}


@dataclass(frozen=True)
class PullJudge:
    """Judge pull requests by *config*, and bots' commits by *runs*; without those their trailers are believed."""

    config: Config
    runs: RequestRuns | None
    team: EmergencyTeam | None = None

    def is_approved(self, pull: Mapping[str, Any]) -> bool | Unknown:
        """Tell whether a human who did not contribute approved *pull* as it was merged."""
        commits, authorship = pull["commits"], approval.read_authorship(pull["commits"]["nodes"])
        verdict = approval.find_approval(
            approval.read_reviews(pull["reviews"]["nodes"]),
            self._reviewed_change(pull, authorship),
            is_bot=self.config.is_bot,
        )
        if verdict.by and commits["totalCount"] > len(commits["nodes"]):
            return Unknown(f"who wrote all of a pull request of more than {MOST_COMMITS} commits")
        if verdict.rejection is RejectionReason.UNKNOWN:
            return Unknown(verdict.detail)
        asked = [commit for commit in authorship.commits if self.config.is_listed_bot(commit.author)]
        doubts = (self.runs.doubt(commit) for commit in asked) if verdict.by and self.runs else ()
        doubt = next(filter(None, doubts), "")
        return Unknown(doubt) if doubt else bool(verdict.by)

    def is_emergency(self, pull: Mapping[str, Any], env: str) -> bool | Unknown:
        """Tell whether those who may have *env* rolled back without a review asked the bot for all of *pull*.

        When gates are asked again, that was known before.
        """
        rule, commits = self.config.environment(env).emergency, pull["commits"]
        authorship = approval.read_authorship(commits["nodes"])
        made = [commit for commit in authorship.commits if self.config.is_listed_bot(commit.author)]
        by_bot_alone = self.config.is_listed_bot(approval.login(pull["author"])) and len(made) == commits["totalCount"]
        if not rule or not made or not by_bot_alone or self._reviewed_change(pull, authorship).doubts:
            return False
        if not self.runs or not self.team:
            return True
        asked: set[str] = set()
        for commit in made:
            starters = self.runs.dispatchers(commit, self.team.client.name, pull["baseRefName"])
            if isinstance(starters, Unknown):
                return starters
            if not starters:
                return False
            asked |= starters
        return self.team.may_ask(rule, asked)

    def is_labeled(self, pull: Mapping[str, Any], name: str) -> bool:
        """Tell whether *pull* has the label *name*, and a human who did not contribute was the last to add it."""
        if name not in [label["name"] for label in pull["labels"]["nodes"]]:
            return False
        labeled = (node for node in pull["timelineItems"]["nodes"] if node and node["label"]["name"] == name)
        actors = [node["actor"] or {} for node in labeled]
        if not actors or actors[-1].get("__typename") != "User" or self.config.is_bot(approval.login(actors[-1])):
            return False
        authorship = approval.read_authorship(pull["commits"]["nodes"])
        return not self._reviewed_change(pull, authorship).has_contributor(approval.login(actors[-1]))

    def _reviewed_change(self, pull: Mapping[str, Any], authorship: Authorship) -> ReviewedChange:
        author, is_listed_bot = pull["author"] or {}, self.config.is_listed_bot
        by_bot = author.get("__typename") == "Bot" or is_listed_bot(approval.login(author))
        return ReviewedChange(
            head=pull["headRefOid"],
            contributors=(approval.login(author), *authorship.writers, *authorship.requesters),
            doubts=approval.find_doubts(authorship.commits, by_bot=by_bot, is_listed_bot=is_listed_bot),
        )
