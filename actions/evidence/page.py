"""Render the evidence as one HTML page that loads nothing else, for the screen and for print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actions.evidence.access_page import access_report
from actions.evidence.html import as_text, link, listed, when
from actions.evidence.ledger import PASS, answer_to
from actions.evidence.meanings import MEANINGS
from actions.evidence.metrics import measure
from actions.evidence.operations import operations
from actions.evidence.period import Period
from actions.evidence.timeline import timeline
from actions.gates.rules import duration
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from actions.evidence.chain import Chain
    from actions.evidence.ledger import View
    from actions.evidence.metrics import Metrics

STYLE = """
:root { --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --good: #116329; --bad: #a40e26; --warn: #7d4e00;
  --paper: #fff; --wash: #f6f8fa; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 2rem;
  max-width: 70rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .3rem 0; } a { color: #0550ae; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; margin: 1.2rem 0; padding: 0; }
@media (max-width: 45rem) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tiles div { border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; }
.tiles dt { color: var(--soft); font-size: .85rem; } .tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; }
.tiles dd small { font-size: .8rem; font-weight: 400; color: var(--soft); display: block; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th { background: var(--wash); } code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
td a code { white-space: nowrap; }
article { border: 1px solid var(--line); border-left: 5px solid var(--good); border-radius: 6px; padding: .9rem 1.1rem;
  margin: 1rem 0; break-inside: avoid; }
article.failed { border-left-color: var(--bad); }
article header { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; margin-bottom: .5rem; }
.badge { border: 1px solid; border-radius: 1em; padding: 0 .6em; font-size: .82rem; white-space: nowrap; }
.facts { display: grid; grid-template-columns: 9rem 1fr; gap: .15rem .8rem; margin: 0; }
.box { border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: .2rem 0; padding-left: 1.2rem; } figure { margin: 0; overflow-x: auto; }
svg text { font: 12px system-ui, sans-serif; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; font-size: .9rem; }
@media print { body { padding: 0; max-width: none; font-size: 11px; } a { color: inherit; text-decoration: none; } }
"""
FIRST = "The list begins with it: what it brought was there before anybody could approve it."
KINDS = {
    "first": "first commit", "update": "update", "rollback": "rollback", "hotfix": "hotfix", "settings": "settings",
}  # fmt: skip
RELEASES = {
    "default-branch": ", released from the default branch",
    "hotfix": ", released from a hotfix branch",
    "none": ", <span class=bad>not released</span>",
    "": "",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Link to commits of *infra*, the infra repository, and of the apps on the GitHub *server*."""

    server: str
    infra: str

    def commit(self, sha: str, repository: str = "") -> str:
        """Return a link to a commit, of the infra repository by default."""
        return link(f"{self.server}/{repository or self.infra}/commit/{sha}", sha[:12], code=True)

    def comparison(self, repository: str, compared: str) -> str:
        """Return a link to GitHub's comparison of two tags, which it calls *compared*."""
        return link(f"{self.server}/{repository}/compare/{compared}", "compare")


def page(whole: View, chain: Chain, now: datetime, period: Period) -> str:
    """Render the report of *period* as HTML.

    *whole* are all records and *chain* the file they are in; *now* is shown as the time of the report.
    """
    view = period.of(whole)
    begins = view.begins
    title = f"{begins['environment']} in {begins['repository']}"
    failed = [change for change in view.changes if change["result"] != PASS]
    parts = [
        f"<h1>Changes to {as_text(title)}</h1>",
        f"<p class=soft>{_covered(whole, view, period)} · as of {now:%Y-%m-%d %H:%M} UTC</p>",
        _tiles(view, failed, measure(view.changes, whole.changes)),
        _how(whole),
        _exceptions(view),
        timeline(whole.changes, period.since, min(now, period.until)),
        _emergencies([change for change in view.changes if change["emergency"]]),
        _others(view, Links(begins["server"], begins["repository"])),
        operations(view),
        access_report(view.access, begins["environment"]),
        "<h2 id=changes>All changes, newest first</h2>",
        *(_card(change, Links(begins["server"], begins["repository"])) for change in reversed(view.changes)),
        _footer(chain),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Evidence: {as_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _covered(whole: View, view: View, period: Period) -> str:
    times = [change["commit"]["at"] for change in view.changes]
    since = f"after {view.begins['after'][:12]}" if view.begins["after"] else "since the first commit"
    if period != Period():
        counted = f"{len(view.changes)} of the {len(whole.changes)} changes recorded"
        return as_text(f"{period}: {counted} {since}")
    return f"{as_text(since)}, up to {as_text(max(times)[:10])}" if times else f"{as_text(since)}: no changes"


def _tiles(view: View, failed: Sequence[Mapping[str, Any]], metrics: Metrics) -> str:
    passed, total = len(view.changes) - len(failed), len(view.changes)
    emergencies = sum(change["emergency"] for change in view.changes)
    exceptions = f"<span class={'bad' if view.exceptions else 'good'}>{len(view.exceptions)}</span>"
    per_week = f"{metrics.per_week:.1f}" if metrics.per_week else "–"
    failure_rate = f"{metrics.failure_rate:.0%}" if metrics.failure_rate is not None else "–"
    tiles = [
        ("Changes", f"{total}", "commits that touched the environment"),
        ("Passed", f"<span class={'good' if passed == total else 'warn'}>{passed}</span>", f"of {total} changes"),
        ("Exceptions", exceptions, _where(len(failed), sum(bool(other["exceptions"]) for other in view.others))),
        ("Emergencies", f"{emergencies}", "hotfixes and rollbacks"),
        ("Lead time", _span(metrics.lead_time), "median, from app commit to deployment"),
        ("Deployments", per_week, "per week" if metrics.per_week else "per week (needs at least one week of data)"),
        ("Change failures", failure_rate, "followed by a rollback or a hotfix"),
        ("Time to restore", _span(metrics.time_to_restore), "median, from failed deployment to fix"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>" for name, value, note in tiles)
    return f"<dl class=tiles>{rows}</dl>"


def _where(changes: int, strays: int) -> str:
    """Return in how many changes, and in how many records beside them, the exceptions are."""
    counted = f"in {changes} change" + ("" if changes == 1 else "s")
    return counted + (f", and {strays} not tied to a change" if strays else "")


def _exceptions(view: View) -> str:
    if not view.exceptions:
        return "<h2>Exceptions</h2>\n<p class=good>None. Every change passed, and every deployment has a change.</p>"
    changes = {change["commit"]["sha"] for change in view.changes}
    kinds = dict.fromkeys(exception["exception"] for exception in view.exceptions)
    meanings = "".join(f"<dt>{as_text(kind)}</dt><dd>{MEANINGS[kind]}</dd>" for kind in kinds if kind in MEANINGS)
    rows = "".join(
        f"<tr><td>{_anchor(exception['commit'], linked=exception['commit'] in changes)}</td>"
        f"<td class={'soft' if answer_to(exception) else 'bad'}>{as_text(exception['exception'])}</td>"
        f"<td>{as_text(exception['detail'])}{_answer(exception)}</td></tr>"
        for exception in view.exceptions
    )
    return (
        "<h2>Exceptions</h2>\n<table><caption>Rules that were not met, and facts that could not be read</caption>"
        "<thead><tr><th scope=col>commit</th><th scope=col>exception</th><th scope=col>details</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>\n<dl class='facts box'>{meanings}</dl>"
    )


def _answer(exception: Mapping[str, Any]) -> str:
    answer = answer_to(exception)
    return f"<p>Answered: {link(exception['answer']['url'], answer)}</p>" if answer else ""


def _others(view: View, links: Links) -> str:
    """Show the commits that are no changes of the environment; their exceptions are in the list of all exceptions."""
    commits = [other for other in view.others if other["record"] == "commit"]
    if not commits:
        return ""
    rows = "".join(
        f"<tr><td>{links.commit(other['sha'])}</td><td>{as_text(other['title'])}</td><td>{as_text(other['by'])},"
        f" {when(other['at'])}</td><td>{_why(other)}</td></tr>"
        for other in commits
    )
    heads = "".join(f"<th scope=col>{head}</th>" for head in ("commit", "title", "brought by", "why it is listed"))
    return (
        "<h2>Other commits that nobody approved, or that went past a rule</h2>\n<table><caption>They changed nothing of"
        f" {as_text(view.begins['environment'])}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _why(other: Mapping[str, Any]) -> str:
    if other["exceptions"]:
        named = ", ".join(dict.fromkeys(entry["exception"] for entry in other["exceptions"]))
        return f"<span class=bad>{as_text(named)}</span>"
    bypassed = other["suite"] and other["suite"]["result"] == "bypass"
    how = f"bypassed, {as_text(other['reason'])}" if other["needs_review"] else "tags of environments without review"
    return f"{how}; by the right to bypass" if bypassed and not other["needs_review"] else how


def _how(whole: View) -> str:
    """Tell how the list was made: what was asked for, by which run, and up to which commit."""
    if not whole.listing:
        return ""
    begins, made, listing = whole.begins, whole.listing.collected, whole.listing.facts
    links = Links(begins["server"], begins["repository"])
    since = f"after {links.commit(begins['after'])}" if begins["after"] else "from the first one on"
    files = ", ".join(f"<code>{as_text(path)}</code>" for path in listing.paths)
    env, branch = as_text(begins["environment"]), as_text(begins["branch"])
    run = link(made.run, made.run.removeprefix(f"{begins['server']}/"))
    rows = [
        ("Changes", f"every commit of {branch}, {since}, that changed {files}, or what gitops.yml requires of {env}"),
        ("Other commits", f"every other one of {branch} that was pushed, bypassed a rule, or was not approved"),
        ("Deployments", f"every successful one to {env}: of a change, of any other commit, by anybody else"),
        ("Up to", f"{links.commit(listing.head)}, the head of {branch}, {when(made.at)}"),
        ("Made by", f"{run}{f', for {as_text(made.actor)}' if made.actor else ', on schedule'}" if made.run else ""),
        ("Version", f"<code>{as_text(made.action)}</code>" if made.action else ""),
        ("Kept after", links.commit(made.kept) if made.kept else ""),
    ]
    facts = "".join(f"<dt>{head}</dt><dd>{value}</dd>" for head, value in rows if value)
    return f"<h2>What is listed, and how the list was made</h2>\n<dl class='facts box'>{facts}</dl>"


def _emergencies(changes: Sequence[Mapping[str, Any]]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f"<tr><td>{_anchor(change['commit']['sha'])}</td>"
        f"<td>{KINDS[change['kind']]}</td><td>{as_text(_purpose(change)) or '–'}</td>"
        f"<td>{as_text(change['approved_by']) or '<span class=bad>nobody</span>'}</td><td>{_review(change)}</td></tr>"
        for change in changes
    )
    heads = "".join(
        f"<th scope=col>{head}</th>" for head in ("commit", "kind", "reason", "approved by", "reviewed afterwards")
    )
    return (
        "<h2>Emergency changes</h2>\n<table><caption>Hotfixes and rollbacks. Any deployed without approval must be"
        f" reviewed afterwards.</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _purpose(change: Mapping[str, Any]) -> str:
    """Return the reason that a change gives, else what it brings: the titles of the commits of the app."""
    titles = [commit["title"] for move in change["moves"] for commit in move["commits"]]
    return str(change["reason"]) or "; ".join(titles)


def _anchor(sha: str, *, linked: bool = True) -> str:
    """Return a link to the card of a commit on this page; only commits of changes have one."""
    code = f"<code>{as_text(sha[:12])}</code>"
    return f'<a href="#c{as_text(sha[:12])}">{code}</a>' if linked else code


def _review(change: Mapping[str, Any]) -> str:
    later = change["later_review"]
    if later:
        return f"{as_text(later['by'])}, {when(later['at'])}"
    return "not needed" if change["approved_by"] else "<span class=bad>not yet</span>"


def _card(change: Mapping[str, Any], links: Links) -> str:
    commit, pull = change["commit"], change["commit"]["pull"]
    passed = change["result"] == PASS
    badges = [f"<span class='badge {'good' if passed else 'bad'}'>{'pass' if passed else 'exception'}</span>"]
    badges += [f"<span class=badge>{KINDS[change['kind']]}</span>"]
    name = commit["sha"][:12]
    rows: list[tuple[str, str]] = [
        ("Commit", f"{links.commit(commit['sha'])}, {when(commit['at'])}, {_signed(commit)}")
    ]
    rows += [("Tag", _move(move, links)) for move in change["moves"]]
    if pull:
        rows += [
            ("Pull request", f"{link(pull['url'], '#' + str(pull['number']))} by {_people(pull)}"),
            ("Tickets", as_text(", ".join(pull["tickets"]))),
            (
                "Approved by",
                f"{as_text(change['approved_by'])}, {when(change['approved_at'])}" if change["approved_by"] else "",
            ),
            ("Merged by", f"{as_text(pull['merged_by'])}, {when(pull['merged_at'])}"),
            ("Checks", as_text(", ".join(f"{check['name']} {check['conclusion']}" for check in pull["checks"]))),
        ]
    rows += [
        ("Reason", as_text(change["reason"])),
        ("First commit", FIRST if change["kind"] == "first" else ""),
        ("Rules", _rules(change)),
        *(("Deployment", _deployment(deployment, links)) for deployment in change["deployments"]),
        *(("App commits", _app(move, links)) for move in change["moves"] if move["commits"]),
        ("Exceptions", listed(as_text(f"{e['exception']}: {e['detail']}") for e in change["exceptions"])),
    ]
    facts = "".join(f"<dt>{head}</dt><dd>{value}</dd>" for head, value in rows if value)
    return (
        f"<article id=c{name}{'' if passed else ' class=failed'}><header><h3>{as_text(commit['title'])}</h3>"
        f"{''.join(badges)}</header><dl class=facts>{facts}</dl></article>"
    )


def _signed(commit: Mapping[str, Any]) -> str:
    return "signature verified" if commit["verified"] else "<span class=bad>signature not verified</span>"


def _move(move: Mapping[str, Any], links: Links) -> str:
    released = RELEASES.get(move["released"], f", released from {as_text(move['released'])}")
    before, after = (f"<code>{as_text(short(move[side])) or 'none'}</code>" for side in ("before", "after"))
    compare = f" ({links.comparison(move['repository'], move['compared'])})" if move["compared"] else ""
    return f"{as_text(move['service'])} {before} → {after}{compare}{released}"


def _people(pull: Mapping[str, Any]) -> str:
    requested = f", requested by {', '.join(pull['requesters'])}" if pull["requesters"] else ""
    known = (pull["author"], f"{pull['author']}[bot]", "web-flow", *pull["requesters"])
    writers = [login for login in pull["writers"] if login not in known]
    wrote = f", with commits by {', '.join(writers)}" if writers else ""
    return as_text(f"{pull['author']}{requested}{wrote}")


def _rules(change: Mapping[str, Any]) -> str:
    parts, suite = [], change["suite"]
    if change["rules"] is not None:
        names = [
            f"{rule['name']} (since {rule['since'][:10]}, {rule['sha256'][:12]})"
            if rule["since"]
            else f"{rule['name']} (changed since)"
            for rule in change["rules"]
        ]
        parts.append(f"rulesets in force: {', '.join(names) or 'none'}")
    if suite:
        failed = [f"{rule['rule']} ({rule['source']})" for rule in suite["evaluated"] if rule["result"] == "fail"]
        broken = f" by {suite['actor']} of {', '.join(failed)}" if failed else ""
        parts.append(f"evaluation: {suite['result']}{broken}")
    return as_text("; ".join(parts))


def _deployment(deployment: Mapping[str, Any], links: Links) -> str:
    run, failed = deployment["run"], deployment["failed_before"]
    parts = [
        f"{as_text(deployment['environment'])} at {links.commit(deployment['sha'])}",
        f"adopted, {when(deployment['succeeded_at'])}: it ran before there were records"
        if deployment["adopted"]
        else when(deployment["succeeded_at"]),
        f"after {failed} failed {'attempt' if failed == 1 else 'attempts'}" if failed else "",
        f"{link(run['url'], 'run ' + str(run['id']))} started by {as_text(run['triggering_actor'])}" if run else "",
        f"environment review: {as_text('; '.join(run['approvals']))}" if run and run["approvals"] else "",
        *(f"{as_text(verdict['gate'])}: {as_text(verdict['message'])}" for verdict in deployment["verdicts"]),
    ]
    return ", ".join(filter(None, parts))


def _app(move: Mapping[str, Any], links: Links) -> str:
    return f"{as_text(move['repository'])}{listed(_app_commit(c, move, links) for c in move['commits'])}"


def _app_commit(commit: Mapping[str, Any], move: Mapping[str, Any], links: Links) -> str:
    pull = commit["pull"]
    approver = as_text(commit["approved_by"])
    approval = f"approved by {approver}" if approver else "<span class=bad>without an approval that counts</span>"
    origin = (
        f"{link(pull['url'], '#' + str(pull['number']))} {approval}"
        if pull
        else "<span class=bad>without a pull request</span>"
    )
    author, title = as_text(commit["author"]), as_text(commit["title"])
    return f"{links.commit(commit['sha'], move['repository'])} {title}, by {author}, {origin}"


def _footer(chain: Chain) -> str:
    return (
        "<footer><h2>How to check this page</h2>"
        f"<p>This page was generated from the {len(chain.records)} records in <code>evidence.jsonl</code>."
        f" The SHA-256 of the last record is <code>{chain.head}</code>.</p>"
        "<p>Each record contains the SHA-256 of the record before it, so changing, removing or reordering records"
        " changes the SHA-256 of every later one. To check the file, run <code>action-export-evidence</code> with"
        " <code>mode: verify</code> and, as <code>head</code>, a SHA-256 that you kept elsewhere.</p></footer>"
    )


def _span(span: timedelta | None) -> str:
    if span is None:
        return "–"
    return duration(span) if span >= timedelta(minutes=1) else "&lt; 1 min"
