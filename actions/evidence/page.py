"""The evidence as a page: one file that needs nothing else, to be read on a screen or on paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from actions.evidence.ledger import PASS
from actions.evidence.metrics import measure
from actions.evidence.period import Period
from actions.evidence.timeline import timeline
from actions.gates.rules import duration
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.evidence.chain import Chain
    from actions.evidence.ledger import Ledger
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
article { border: 1px solid var(--line); border-left: 5px solid var(--good); border-radius: 6px; padding: .9rem 1.1rem;
  margin: 1rem 0; break-inside: avoid; }
article.failed { border-left-color: var(--bad); }
article header { display: flex; flex-wrap: wrap; gap: .3rem .8rem; align-items: baseline; margin-bottom: .5rem; }
.mark { border: 1px solid; border-radius: 1em; padding: 0 .6em; font-size: .82rem; white-space: nowrap; }
.facts { display: grid; grid-template-columns: 9rem 1fr; gap: .15rem .8rem; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: .2rem 0; padding-left: 1.2rem; } figure { margin: 0; overflow-x: auto; }
svg text { font: 12px system-ui, sans-serif; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; font-size: .9rem; }
@media print { body { padding: 0; max-width: none; font-size: 11px; } a { color: inherit; text-decoration: none; } }
"""
WORDS = {
    "first": "first commit", "update": "update", "rollback": "rollback", "hotfix": "hotfix", "settings": "settings",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Links:
    """Where on the *server* the commits of the infra repository and of the apps are."""

    server: str
    infra: str

    def commit(self, sha: str, repository: str = "") -> str:
        """Return a commit as a link to it."""
        return _link(f"{self.server}/{repository or self.infra}/commit/{sha}", sha[:12], code=True)

    def comparison(self, repository: str, before: str, after: str) -> str:
        """Return a link to what came between two tags."""
        return _link(f"{self.server}/{repository}/compare/{before}...{after}", "compare")


def page(whole: Ledger, chain: Chain, now: datetime, period: Period) -> str:
    """Return the report of the *period* of a ledger, whose file is *chain*, as HTML."""
    ledger = period.of(whole)
    begins = ledger.begins
    title = f"{begins['environment']} of {begins['repository']}"
    failed = [change for change in ledger.changes if change["result"] != PASS]
    parts = [
        f"<h1>Changes of {_text(title)}</h1>",
        f"<p class=soft>{_covered(whole, ledger, period)} · as of {now:%Y-%m-%d %H:%M} UTC</p>",
        _tiles(ledger, failed, measure(ledger.changes, whole.changes)),
        _exceptions(ledger),
        timeline(whole.changes, period.since, min(now, period.until)),
        _emergencies([change for change in ledger.changes if change["emergency"]]),
        "<h2 id=changes>Every change, the newest first</h2>",
        *(_card(change, Links(begins["server"], begins["repository"])) for change in reversed(ledger.changes)),
        _footer(chain),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Evidence: {_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _covered(whole: Ledger, ledger: Ledger, period: Period) -> str:
    times = [change["commit"]["at"] for change in ledger.changes]
    since = f"after {ledger.begins['after'][:12]}" if ledger.begins["after"] else "since the first commit"
    if period != Period():
        counted = f"{len(ledger.changes)} of the {len(whole.changes)} changes that are recorded"
        return _text(f"{period}: {counted} {since}")
    return f"{_text(since)}, up to {_text(max(times)[:10])}" if times else f"{_text(since)}: no change"


def _tiles(ledger: Ledger, failed: Sequence[Mapping[str, Any]], found: Metrics) -> str:
    passed, total = len(ledger.changes) - len(failed), len(ledger.changes)
    emergencies = sum(change["emergency"] for change in ledger.changes)
    bad = "bad" if ledger.exceptions else "good"
    tiles = [
        ("Changes", f"{total}", "every commit that touched the environment"),
        ("Passed", f"<span class={'good' if passed == total else 'warn'}>{passed}</span>", f"of {total}"),
        (
            "Exceptions",
            f"<span class={bad}>{len(ledger.exceptions)}</span>",
            _in_how_many(len(failed), len(ledger.strays)),
        ),
        ("Emergencies", f"{emergencies}", "hotfixes and rollbacks"),
        ("Lead time", _span(found.lead_time), "median, commit of the app to deployment"),
        ("Deployments", f"{found.per_week:.1f}" if found.per_week else "–", "a week, if there is one to tell from"),
        (
            "Change failures",
            f"{found.failure_rate:.0%}" if found.failure_rate is not None else "–",
            "rolled back or fixed next",
        ),
        ("Time to restore", _span(found.time_to_restore), "median"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>" for name, value, note in tiles)
    return f"<dl class=tiles>{rows}</dl>"


def _in_how_many(changes: int, strays: int) -> str:
    counted = f"in {changes} change" + ("" if changes == 1 else "s")
    return counted + (f", and {strays} of none" if strays else "")


def _exceptions(ledger: Ledger) -> str:
    if not ledger.exceptions:
        return "<h2>Exceptions</h2>\n<p class=good>None: every change passed, and every deployment has its change.</p>"
    changes = {change["commit"]["sha"] for change in ledger.changes}
    rows = "".join(
        f"<tr><td>{_anchor(found['commit'], linked=found['commit'] in changes)}</td>"
        f"<td class=bad>{_text(found['exception'])}</td><td>{_text(found['detail'])}</td></tr>"
        for found in ledger.exceptions
    )
    return (
        "<h2>Exceptions</h2>\n<table><caption>What is not as it should be, or could not be read</caption>"
        "<thead><tr><th scope=col>change</th><th scope=col>exception</th><th scope=col>what it is about</th></tr>"
        "</thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _emergencies(changes: Sequence[Mapping[str, Any]]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f"<tr><td>{_anchor(c['commit']['sha'])}</td>"
        f"<td>{WORDS[c['kind']]}</td><td>{_text(c['reason']) or '–'}</td>"
        f"<td>{_text(c['approved_by']) or '<span class=bad>nobody</span>'}</td><td>{_review(c)}</td></tr>"
        for c in changes
    )
    heads = "".join(
        f"<th scope=col>{head}</th>" for head in ("change", "kind", "reason", "approved before", "reviewed later")
    )
    return (
        "<h2>Emergency changes</h2>\n<table><caption>Hotfixes and rollbacks; one that nobody approved before it went"
        f" wants a review after it</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _anchor(sha: str, *, linked: bool = True) -> str:
    """Return a commit as a link to its card further down; that of a stray deployment has none."""
    code = f"<code>{_text(sha[:12])}</code>"
    return f'<a href="#c{_text(sha[:12])}">{code}</a>' if linked else code


def _review(change: Mapping[str, Any]) -> str:
    later = change["later_review"]
    if later:
        return f"{_text(later['by'])}, {_when(later['at'])}"
    return "not needed" if change["approved_by"] else "<span class=bad>not yet</span>"


def _card(change: Mapping[str, Any], links: Links) -> str:
    commit, pull = change["commit"], change["commit"]["pull"]
    passed = change["result"] == PASS
    marks = [f"<span class='mark {'good' if passed else 'bad'}'>{'pass' if passed else 'exception'}</span>"]
    marks += [f"<span class=mark>{WORDS[change['kind']]}</span>"]
    name = commit["sha"][:12]
    rows: list[tuple[str, str]] = [
        ("Commit", f"{links.commit(commit['sha'])}, {_when(commit['at'])}, {_signed(commit)}")
    ]
    rows += [("Tag", _move(move, links)) for move in change["moves"]]
    if pull:
        rows += [
            ("Pull request", f"{_link(pull['url'], '#' + str(pull['number']))} by {_people(pull)}"),
            ("Tickets", _text(", ".join(pull["tickets"]))),
            (
                "Approved by",
                f"{_text(change['approved_by'])}, {_when(change['approved_at'])}" if change["approved_by"] else "",
            ),
            ("Merged by", f"{_text(pull['merged_by'])}, {_when(pull['merged_at'])}"),
            ("Checks", _text(", ".join(f"{check['name']} {check['conclusion']}" for check in pull["checks"]))),
        ]
    rows += [
        ("Reason", _text(change["reason"])),
        ("Rules", _rules(change)),
        *(("Deployment", _deployment(each, links)) for each in change["deployments"]),
        *(("App", _app(move, links)) for move in change["moves"] if move["commits"]),
        ("Exceptions", _list(_text(f"{f['exception']}: {f['detail']}") for f in change["exceptions"])),
    ]
    facts = "".join(f"<dt>{head}</dt><dd>{value}</dd>" for head, value in rows if value)
    return (
        f"<article id=c{name}{'' if passed else ' class=failed'}><header><h3>{_text(commit['title'])}</h3>"
        f"{''.join(marks)}</header><dl class=facts>{facts}</dl></article>"
    )


def _signed(commit: Mapping[str, Any]) -> str:
    return "verified" if commit["verified"] else "<span class=bad>not verified</span>"


def _move(move: Mapping[str, Any], links: Links) -> str:
    released = f", released by {_text(move['released'])}" if move["released"] else ""
    before, after = (f"<code>{_text(short(move[side])) or 'none'}</code>" for side in ("before", "after"))
    known = move["repository"] and move["before"] and move["sha"]
    compare = f" ({links.comparison(move['repository'], move['before'], move['after'])})" if known else ""
    return f"{_text(move['service'])} {before} → {after}{compare}{released}"


def _people(pull: Mapping[str, Any]) -> str:
    asked = f", asked for by {', '.join(pull['requesters'])}" if pull["requesters"] else ""
    others = [name for name in pull["writers"] if name not in (pull["author"], "web-flow", *pull["requesters"])]
    wrote = f", with commits of {', '.join(others)}" if others else ""
    return _text(f"{pull['author']}{asked}{wrote}")


def _rules(change: Mapping[str, Any]) -> str:
    parts = []
    if change["rules"] is not None:
        names = [f"{rule['name']} (since {rule['since'][:10]}, {rule['sha256'][:12]})" for rule in change["rules"]]
        parts.append(f"in force: {', '.join(names) or 'none'}")
    if change["suite"]:
        broken = (
            f" by {change['suite']['actor']}: {', '.join(change['suite']['broken'])}"
            if change["suite"]["broken"]
            else ""
        )
        parts.append(f"evaluation: {change['suite']['result']}{broken}")
    return _text("; ".join(parts))


def _deployment(each: Mapping[str, Any], links: Links) -> str:
    run = each["run"]
    who = f", {_link(run['url'], 'run ' + str(run['id']))} started by {_text(run['triggering_actor'])}" if run else ""
    failed = f", after {each['failed_before']} that failed" if each["failed_before"] else ""
    approvals = f", let through by {_text('; '.join(run['approvals']))}" if run and run["approvals"] else ""
    where = f"{_text(each['environment'])} at {links.commit(each['sha'])}"
    return f"{where}, {_when(each['succeeded_at'])}{failed}{who}{approvals}"


def _app(move: Mapping[str, Any], links: Links) -> str:
    return f"{_text(move['repository'])}{_list(_app_commit(c, move, links) for c in move['commits'])}"


def _app_commit(commit: Mapping[str, Any], move: Mapping[str, Any], links: Links) -> str:
    pull = commit["pull"]
    by = f"by {_text(commit['author'])}"
    approver = _text(commit["approved_by"]) or "<span class=bad>nobody independent</span>"
    how = (
        f"{_link(pull['url'], '#' + str(pull['number']))} approved by {approver}"
        if pull
        else "<span class=bad>without a pull request</span>"
    )
    return f"{links.commit(commit['sha'], move['repository'])} {_text(commit['title'])}, {by}, {how}"


def _footer(chain: Chain) -> str:
    return (
        "<footer><h2>How to check this page</h2>"
        f"<p>It is made from <code>evidence.jsonl</code>, {len(chain.records)} records."
        f" The SHA-256 of the last one is <code>{chain.head}</code>.</p>"
        "<p>Each record carries the SHA-256 of the one before, so nothing"
        " can be changed, removed or moved without a trace up to one whose SHA-256 is known from elsewhere:"
        " <code>action-export-evidence</code> with <code>mode: verify</code> looks.</p></footer>"
    )


def _span(found: timedelta | None) -> str:
    if found is None:
        return "–"
    return duration(found) if found >= timedelta(minutes=1) else "&lt; 1 min"


def _when(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


def _list(items: Iterable[str]) -> str:
    """Return *items*, which are HTML, as a list."""
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def _link(url: str, text: str, *, code: bool = False) -> str:
    """Return a link, if *url* is one of the web and not of something that runs."""
    said = f"<code>{_text(text)}</code>" if code else _text(text)
    return f'<a href="{escape(url)}">{said}</a>' if url.startswith(("https://", "http://")) else said


def _text(text: str) -> str:
    return escape(str(text))
