"""Every way a run can fail that is not a fault of this code, and how each one ends.

    ActionError
    ├── InputError 2            invalid-input        an input has a value that cannot be used
    │   ├── UnknownEnvError     unknown-env          no environment of that name
    │   ├── UnknownServiceError unknown-service      no service of that name in the environment
    │   └── InvalidTagError     invalid-tag          not a commit SHA, a version or an artifact tag
    ├── EnvFileError 3          invalid-env-file     an env file cannot be read, or not be edited safely
    │   ├── NoTagError          no-tag               the service is there, its tag is not
    │   ├── UnsafePathError     unsafe-path          a path that leaves the repository
    │   └── ConfigError         invalid-config       gitops.yml does not say what it should
    ├── ConflictError 4         conflict             what is there is not what this run can build on
    │   ├── BranchExistsError   branch-exists        the branch exists at another commit
    │   ├── BaseMovedError      base-moved           others were faster, too many times in a row
    │   ├── ClosedByUserError   closed-by-user       a person closed the pull request
    │   ├── EjectedError        ejected              the merge queue put the pull request out
    │   └── NotMergeableError   not-mergeable        GitHub does not merge the pull request
    ├── GitHubError 5           github-error         GitHub answered with an error, or not at all
    │   ├── AccessError 6       permission-denied    the token may not do this
    │   │   └── HiddenChecksError checks-hidden      the token is not shown a check that may matter
    │   ├── RateLimitedError    rate-limited         GitHub wants us to wait for longer than we may
    │   ├── UnavailableError    github-unavailable   GitHub failed, too many times in a row
    │   ├── UnknownCommitError  unknown-commit       the repository has no such commit
    │   └── TooLateError        timeout              what was waited for did not happen in time
    ├── InvalidRulesetError 3   invalid-ruleset      a ruleset that GitHub does not take, or that cannot work
    ├── DriftError 7            drift                the rulesets that hold are not those of the files
    ├── TamperedError 7         tampered             evidence is not as it was written
    ├── NotRecordedError 7      not-recorded         a report was asked for, and changes are not recorded yet
    ├── ExceptionsFoundError 7  exceptions-found     the evidence has exceptions, and the run was to fail by them
    └── RefusedError 7          refused              a rule of ours forbids it
        ├── DivergedError       diverged             the new tag does not contain the one in place
        ├── BackwardsError      backwards            the new tag is older than the one in place, and it is no rollback
        ├── NeverRanError       never-ran            the tag to rollback to never ran in the environment
        ├── NotPromotedError    not-promoted         the tag has not run in the environment that comes before
        ├── SoakingError        soaking              it has not run there for long enough
        ├── FrozenError         frozen               the environment is frozen
        ├── ForeignFilesError   foreign-files        the pull request of a bot changes more than tags
        ├── UnknownFactError    unknown              a fact that must be known cannot be read
        ├── UnknownOrderError   unknown-order        how the new tag relates to the one in place cannot be known
        ├── ReviewRequiredError review-required      the environment needs a review; the bot may not merge
        ├── NotReleasedError    not-released         the commit is on no released branch
        ├── ChecksPendingError  checks-pending       a required check has not finished
        └── ChecksFailedError   checks-failed        a required check did not succeed

Exit codes 1 (a fault of this code, with its traceback), 8 (dependencies cannot be installed) and 9 (no Python) are
the only others; see `runtime` and `run.sh`. Reasons are interface: they are never renamed.
"""

from __future__ import annotations

from typing import ClassVar


class ActionError(Exception):
    """An expected failure: a message for the user, and where to look if a file is to blame."""

    exit_code: ClassVar[int]
    reason: ClassVar[str]

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class InputError(ActionError):
    """An input has a value that cannot be used."""

    exit_code = 2
    reason = "invalid-input"


class UnknownEnvError(InputError):
    """There is no environment of that name."""

    reason = "unknown-env"


class UnknownServiceError(InputError):
    """The environment has no service of that name."""

    reason = "unknown-service"


class InvalidTagError(InputError):
    """The tag is neither a commit SHA, nor a version, nor an artifact tag."""

    reason = "invalid-tag"


class EnvFileError(ActionError):
    """An env file cannot be read, or cannot be edited without changing something else."""

    exit_code = 3
    reason = "invalid-env-file"


class NoTagError(EnvFileError):
    """The service is there, but holds no tag where the tag should be."""

    reason = "no-tag"


class UnsafePathError(EnvFileError):
    """The path leads out of the repository."""

    reason = "unsafe-path"


class ConfigError(EnvFileError):
    """`gitops.yml` does not say what it should."""

    reason = "invalid-config"


class InvalidRulesetError(ActionError):
    """A ruleset says what GitHub does not take, or what cannot work."""

    exit_code = 3
    reason = "invalid-ruleset"


class ConflictError(ActionError):
    """What is there already is not what this run can build on."""

    exit_code = 4
    reason = "conflict"


class BranchExistsError(ConflictError):
    """The branch exists, at another commit."""

    reason = "branch-exists"


class BaseMovedError(ConflictError):
    """What this run built on has changed; it can be tried again on what is there now."""

    reason = "base-moved"


class EjectedError(ConflictError):
    """The merge queue put the pull request out."""

    reason = "ejected"


class ClosedByUserError(ConflictError):
    """A person closed the pull request, and it stays closed."""

    reason = "closed-by-user"


class NotMergeableError(ConflictError):
    """GitHub does not merge the pull request."""

    reason = "not-mergeable"


class GitHubError(ActionError):
    """GitHub answered with an error, or not at all: with this HTTP status (0: none), in these words of its own."""

    exit_code = 5
    reason = "github-error"
    status: int = 0
    said: str = ""


class AccessError(GitHubError):
    """The token may not do this, or cannot see the repository."""

    exit_code = 6
    reason = "permission-denied"


class HiddenChecksError(AccessError):
    """There are checks that the token is not shown, and that cannot be read in another way either."""

    reason = "checks-hidden"


class UnavailableError(GitHubError):
    """GitHub failed or did not answer, so whether it did what it was asked to is not known; it can be tried again."""

    reason = "github-unavailable"


class RateLimitedError(GitHubError):
    """GitHub wants a pause of *wait* seconds first."""

    reason = "rate-limited"

    def __init__(self, message: str, *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class UnknownCommitError(GitHubError):
    """The repository has no such commit."""

    reason = "unknown-commit"


class TooLateError(GitHubError):
    """What was waited for did not happen in time."""

    reason = "timeout"


class TamperedError(ActionError):
    """A file of evidence is not as it was written."""

    exit_code = 7
    reason = "tampered"


class NotRecordedError(ActionError):
    """A report was asked for of evidence that lacks what has happened since."""

    exit_code = 7
    reason = "not-recorded"


class ExceptionsFoundError(ActionError):
    """The evidence has exceptions, and the run was asked to fail by them."""

    exit_code = 7
    reason = "exceptions-found"


class RefusedError(ActionError):
    """A rule of this pipeline forbids it."""

    exit_code = 7
    reason = "refused"


class DivergedError(RefusedError):
    """The new tag does not contain the one in place."""

    reason = "diverged"


class UnknownOrderError(RefusedError):
    """How the new tag relates to the one in place cannot be known."""

    reason = "unknown-order"


class ReviewRequiredError(RefusedError):
    """The environment needs a review, so nothing merges on its own."""

    reason = "review-required"


class NotReleasedError(RefusedError):
    """The commit is on no released branch."""

    reason = "not-released"


class BackwardsError(RefusedError):
    """The new tag is older than the one in place, and it is no rollback."""

    reason = "backwards"


class NeverRanError(RefusedError):
    """The tag to rollback to never ran in the environment."""

    reason = "never-ran"


class NotPromotedError(RefusedError):
    """The tag has not run in the environment that comes before."""

    reason = "not-promoted"


class SoakingError(RefusedError):
    """The tag has not run for long enough in the environment that comes before."""

    reason = "soaking"


class FrozenError(RefusedError):
    """The environment is frozen."""

    reason = "frozen"


class ForeignFilesError(RefusedError):
    """The pull request of a bot changes more than tags."""

    reason = "foreign-files"


class UnknownFactError(RefusedError):
    """A fact that must be known cannot be read."""

    reason = "unknown"


class ChecksPendingError(RefusedError):
    """A check that must succeed has not finished; it can be tried again."""

    reason = "checks-pending"


class ChecksFailedError(RefusedError):
    """A check that must succeed did not."""

    reason = "checks-failed"


class DriftError(ActionError):
    """The rulesets that hold are not those of the files."""

    exit_code = 7
    reason = "drift"
