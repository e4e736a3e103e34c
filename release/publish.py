"""Publish a release that was built and tested: its permanent tag, the release on GitHub, the moving tags."""

from __future__ import annotations

from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from release.settings import ROOT, project, require_main
from release.versions import is_latest, moving_tags, notes, require_newer


def main() -> int:
    """Run the program and return its exit code."""
    return run(_publish, unset={})


def _publish() -> Outcome:
    require_main()
    inputs, github = Inputs(), project()
    text, commit = inputs.required("version"), inputs.required("commit")
    others = [version for version in github.released() if str(version) != text]
    version = require_newer(text, others)
    body = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    github.tag(f"v{version}", commit)
    address = github.release(
        f"v{version}", body, prerelease=bool(version.prerelease), latest=is_latest(version, others)
    )
    moved = moving_tags(version, others)
    for tag in moved:
        github.move(tag, commit)
    also = f", with {' and '.join(moved)}" if moved else ""
    return Outcome(
        outputs={"reason": "published"},
        notice=f"v{version} is released{also}",
        summary=f"### [v{version}]({address})\n\n`{commit}`{also}\n\n{body}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
