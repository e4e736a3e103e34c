"""What an assumption and a question are, and what can come of trying them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from github import GithubException

from actions.errors import ActionError, GitHubError, RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.ground import Ground


class Verdict(StrEnum):
    """What came of trying an assumption, or of asking a question."""

    AS_ASSUMED = "as assumed"
    DIFFERENT = "different"
    NOT_TRIED = "could not be tried"
    ANSWERED = "answered"
    NOT_ASKED = "not asked"


class DifferentError(Exception):
    """GitHub did something else; the message says what was seen."""


class NotTriedError(Exception):
    """The assumption could not be tried; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumption:
    """What GitHub is assumed to do, where that is known from, and how to try it.

    *attempt* returns the answer if this is a *question*. It raises DifferentError or NotTriedError. *why* is why no
    call from here can try it, "" if one can.
    """

    subject: str
    text: str
    source: str
    attempt: Callable[[Ground], str | None]
    question: bool = False
    why: str = ""


ASSUMPTIONS: list[Assumption] = []


def assumption(text: str, *, source: str) -> Callable[[Callable[[Ground], None]], None]:
    """Register a function that tries whether *text* is true."""

    def register(attempt: Callable[[Ground], None]) -> None:
        subject = attempt.__module__.rpartition(".")[2]
        ASSUMPTIONS.append(Assumption(subject=subject, text=text, source=source, attempt=attempt))

    return register


def question(text: str) -> Callable[[Callable[[Ground], str]], None]:
    """Register a function that returns the answer to *text*, which nobody knows."""

    def register(ask: Callable[[Ground], str]) -> None:
        ASSUMPTIONS.append(Assumption(subject="questions", text=text, source="", attempt=ask, question=True))

    return register


def needs(subject: str, text: str, *, source: str, why: str) -> None:
    """Register an assumption of the module *subject* that no call from here can try, and *why*."""

    def attempt(_: Ground) -> None:
        raise NotTriedError(why)

    subject = subject.rpartition(".")[2]
    ASSUMPTIONS.append(Assumption(subject=subject, text=text, source=source, attempt=attempt, why=why))


def require(met: object, seen: object) -> None:
    """Raise DifferentError, with what was *seen* instead, unless *met*."""
    if not met:
        raise DifferentError(str(seen))


def refusal(call: Callable[[], object]) -> ActionError:
    """Return the error that *call* ends with."""
    try:
        call()
    except RateLimitedError:
        raise
    except UnavailableError as error:
        if not error.status or error.status >= 500:
            raise
        return error
    except ActionError as error:
        return error
    raise DifferentError("GitHub allowed it")


def require_refusal(
    call: Callable[[], object], text: str, kind: type[ActionError] = ActionError, *, status: int = 0
) -> ActionError:
    """Return the error that *call* ends with: GitHub answers *status* and *text*, the product raises *kind*.

    The text is a pattern; status 0 stands for any.
    """
    error = refusal(call)
    require(re.search(text, said(error), re.IGNORECASE), f"GitHub says: {said(error)}")
    require(isinstance(error, kind), f"the product raises {type(error).__name__} for '{said(error)}'")
    if status:
        require(cause(error).status == status, f"GitHub answers {cause(error).status}: {said(error)}")
    return error


def said(error: ActionError) -> str:
    """Return GitHub's words."""
    return (error.said if isinstance(error, GitHubError) else "") or str(error)


def cause(error: ActionError) -> GithubException:
    """Return the answer of GitHub behind *error*."""
    found: BaseException | None = error
    while found:
        if isinstance(found, GithubException):
            return found
        found = found.__cause__
    raise DifferentError(f"no answer of GitHub, but: {error}")
