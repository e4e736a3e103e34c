"""`make conformance`: try every assumption on the server that the environment names."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from actions.errors import ActionError
from actions.runner.clock import Clock
from tests.conformance.assumptions import DifferentError, Verdict
from tests.conformance.ground import Ground
from tests.conformance.report import render
from tests.conformance.runner import run
from tests.conformance.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 60.0


def main(environment: Mapping[str, str], clock: Clock) -> int:
    """Return 0 if nothing is different, 1 if something is or was left behind, 2 if it could not begin."""
    try:
        settings = Settings.read(environment)
    except SettingsError as error:
        print(f"conformance: {error}")
        return 2
    ground = Ground(settings, clock, patience=PATIENCE, workflows=True)
    try:
        report = run(ground)
    except (ActionError, DifferentError) as error:
        print(settings.without_tokens(f"conformance: {error}"))
        return 2
    print(settings.without_tokens(render(report)))
    return 1 if report.left or report.count(Verdict.DIFFERENT) else 0


def _stop(*_: object) -> NoReturn:
    sys.exit("conformance: stopped")  # which deletes the scratch repositories on its way out


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    raise SystemExit(main(os.environ, Clock()))
