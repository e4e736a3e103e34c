"""Define every expected failure of a run: its exception, exit code and reason.

    ActionError
    ├── InputError 2            invalid-input        an input has an invalid value
    │   ├── UnknownEnvError     unknown-env          the environment does not exist
    │   ├── UnknownServiceError unknown-service      the environment has no service of that name
    │   └── InvalidTagError     invalid-tag          not a commit SHA, a version or an artifact tag
    ├── EnvFileError 3          invalid-env-file     an env file cannot be read or safely edited
    │   ├── NoTagError          no-tag               the service exists, but has no tag
    │   ├── UnsafePathError     unsafe-path          a path leaves the repository
    │   └── ConfigError         invalid-config       gitops.yml is invalid
    ├── ConflictError 4         conflict             the repository is in a state this run cannot build on
    │   ├── BranchExistsError   branch-exists        the branch already exists at another commit
    │   ├── BranchInTheWayError branch-in-the-way    another branch's name makes this branch's name impossible
    │   ├── BaseMovedError      base-moved           the base branch kept moving; retries exhausted
    │   ├── ClosedByUserError   closed-by-user       a person closed the pull request
    │   ├── EjectedError        ejected              the merge queue removed the pull request
    │   └── NotMergeableError   not-mergeable        GitHub does not merge the pull request
    ├── GitHubError 5           github-error         GitHub answered with an error, or not at all
    │   ├── AccessError 6       permission-denied    the token lacks a permission or cannot see the repository
    │   │   ├── HiddenChecksError checks-hidden      GitHub hides a check that may matter from the token
    │   │   ├── ArchivedError   archived             the repository is archived
    │   │   └── SsoRequiredError sso-required        the organization requires the token to be authorized for SSO
    │   ├── RateLimitedError    rate-limited         the rate limit resets later than the run can wait
    │   ├── UnavailableError    github-unavailable   GitHub failed on every retry
    │   ├── RenamedError        renamed              the repository has another name now
    │   ├── AutoMergeOffError   auto-merge-off       the repository does not allow auto-merge
    │   ├── MergeMethodOffError merge-method-off     the repository does not allow the merge method
    │   ├── DraftsUnsupportedError drafts-unsupported the repository does not support draft pull requests
    │   ├── UnknownCommitError  unknown-commit       the commit does not exist in the repository
    │   └── TooLateError 10     timeout              the awaited event did not happen in time
    ├── InvalidRulesetError 3   invalid-ruleset      a ruleset is one that GitHub rejects or that cannot work
    ├── InvalidEnvironmentError 3 invalid-environment a file of a GitHub environment is one that cannot work
    ├── DriftError 7            drift                the rulesets or environments on GitHub differ from the files
    ├── TamperedError 7         tampered             a file of evidence was altered
    ├── NotRecordedError 7      not-recorded         a report was requested, but recent changes are not recorded yet
    ├── ExceptionsFoundError 7  exceptions-found     the evidence has exceptions, and fail-on-exceptions is set
    └── RefusedError 7          refused              a rule of this pipeline forbids the change
        ├── DivergedError       diverged             the new tag lacks commits of the deployed one
        ├── BackwardsError      backwards            the new tag is older than the deployed one; not a rollback
        ├── NeverRanError       never-ran            the rollback's tag never ran in the environment
        ├── NotPromotedError    not-promoted         the tag has not run in the preceding environment
        ├── SoakingError        soaking              the tag has not run there long enough
        ├── FrozenError         frozen               the environment is frozen
        ├── ForeignFilesError   foreign-files        a bot's pull request changes more than tags
        ├── UnknownFactError    unknown              a required fact cannot be read
        ├── UnknownOrderError   unknown-order        the order of the new tag and the deployed one is unknown
        ├── ReviewRequiredError review-required      a human who did not contribute must approve the change first
        ├── RuleNotMetError     rule-not-met         a rule of the branch forbids the change
        ├── NotReleasedError    not-released         the commit is not on a released branch
        ├── ChecksPendingError  checks-pending       a required check has not finished
        ├── ChecksFailedError   checks-failed        a required check did not succeed
        └── NoChecksError       no-checks            nothing says which checks the commit needs

The only other exit codes are 1 (a bug in this code; the log has its traceback), 8 (the dependencies cannot be
installed) and 9 (no suitable Python). Reasons are part of the interface and are never renamed.
"""

from __future__ import annotations

from typing import ClassVar


class ActionError(Exception):
    """An expected failure, with a message for the user and, if a file caused it, the file and line."""

    exit_code: ClassVar[int]
    reason: ClassVar[str]

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class InputError(ActionError):
    """An input has an invalid value."""

    exit_code = 2
    reason = "invalid-input"


class UnknownEnvError(InputError):
    """The environment does not exist."""

    reason = "unknown-env"


class UnknownServiceError(InputError):
    """The environment has no service of that name."""

    reason = "unknown-service"


class InvalidTagError(InputError):
    """The tag is not a commit SHA, a version or an artifact tag."""

    reason = "invalid-tag"


class EnvFileError(ActionError):
    """An env file cannot be read, or not be edited without changing something else."""

    exit_code = 3
    reason = "invalid-env-file"


class NoTagError(EnvFileError):
    """The service exists, but has no tag."""

    reason = "no-tag"


class UnsafePathError(EnvFileError):
    """The path leaves the repository."""

    reason = "unsafe-path"


class ConfigError(EnvFileError):
    """`gitops.yml` is invalid."""

    reason = "invalid-config"


class InvalidRulesetError(ActionError):
    """GitHub rejects the ruleset, or the ruleset cannot work."""

    exit_code = 3
    reason = "invalid-ruleset"


class InvalidEnvironmentError(ActionError):
    """The file of a GitHub environment is invalid, or the environment cannot work."""

    exit_code = 3
    reason = "invalid-environment"


class ConflictError(ActionError):
    """The repository is in a state this run cannot build on."""

    exit_code = 4
    reason = "conflict"


class BranchExistsError(ConflictError):
    """The branch already exists at another commit."""

    reason = "branch-exists"


class BranchInTheWayError(ConflictError):
    """Another branch's name makes this branch's name impossible: `gitops` beside `gitops/dev`."""

    reason = "branch-in-the-way"


class BaseMovedError(ConflictError):
    """The branch moved, or the pull request changed, during the run. A retry starts from the new state."""

    reason = "base-moved"


class EjectedError(ConflictError):
    """The merge queue removed the pull request."""

    reason = "ejected"


class ClosedByUserError(ConflictError):
    """A person closed the pull request; it is not reopened."""

    reason = "closed-by-user"


class NotMergeableError(ConflictError):
    """GitHub does not merge the pull request."""

    reason = "not-mergeable"


class GitHubError(ActionError):
    """GitHub answered with an error, or not at all.

    *status* is the HTTP status, 0 if GitHub did not answer; *said* is GitHub's own message.
    """

    exit_code = 5
    reason = "github-error"
    status: int = 0
    said: str = ""


class AccessError(GitHubError):
    """The token lacks a permission, or cannot see the repository."""

    exit_code = 6
    reason = "permission-denied"


class HiddenChecksError(AccessError):
    """GitHub hides checks from the token, and no other API shows them."""

    reason = "checks-hidden"


class ArchivedError(AccessError):
    """The repository is archived, so nothing in it can change."""

    reason = "archived"


class SsoRequiredError(AccessError):
    """The organization requires the token to be authorized for single sign-on."""

    reason = "sso-required"


class RenamedError(GitHubError):
    """The repository has another name now."""

    reason = "renamed"


class AutoMergeOffError(GitHubError):
    """The repository does not allow auto-merge."""

    reason = "auto-merge-off"


class MergeMethodOffError(GitHubError):
    """The repository does not allow the merge method."""

    reason = "merge-method-off"


class DraftsUnsupportedError(GitHubError):
    """The repository does not support draft pull requests."""

    reason = "drafts-unsupported"


class UnavailableError(GitHubError):
    """GitHub failed or did not answer. The request may have taken effect; it can be retried."""

    reason = "github-unavailable"


class QueryTooLargeError(UnavailableError):
    """GitHub gave up on a query because it requests too much. A smaller one can succeed."""


class RateLimitedError(GitHubError):
    """GitHub asks for a pause of *wait* seconds."""

    reason = "rate-limited"

    def __init__(self, message: str, *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class UnknownCommitError(GitHubError):
    """The commit does not exist in the repository."""

    reason = "unknown-commit"


class TooLateError(GitHubError):
    """The awaited event did not happen in time."""

    exit_code = 10
    reason = "timeout"


class TamperedError(ActionError):
    """A file of evidence was altered after it was written."""

    exit_code = 7
    reason = "tampered"


class NotRecordedError(ActionError):
    """A report was requested, but recent changes are not recorded yet."""

    exit_code = 7
    reason = "not-recorded"


class ExceptionsFoundError(ActionError):
    """The evidence has exceptions, and `fail-on-exceptions` is set."""

    exit_code = 7
    reason = "exceptions-found"


class RefusedError(ActionError):
    """A rule of this pipeline forbids the change."""

    exit_code = 7
    reason = "refused"


class DivergedError(RefusedError):
    """The new tag lacks commits of the deployed one."""

    reason = "diverged"


class UnknownOrderError(RefusedError):
    """The order of the new tag and the deployed one is unknown."""

    reason = "unknown-order"


class ReviewRequiredError(RefusedError):
    """A human who did not contribute must approve the change first."""

    reason = "review-required"


class RuleNotMetError(RefusedError):
    """A rule of the branch forbids the change."""

    reason = "rule-not-met"


class NotReleasedError(RefusedError):
    """The commit is not on a released branch."""

    reason = "not-released"


class BackwardsError(RefusedError):
    """The new tag is older than the deployed one, and this is not a rollback."""

    reason = "backwards"


class NeverRanError(RefusedError):
    """The rollback's tag never ran in the environment."""

    reason = "never-ran"


class NotPromotedError(RefusedError):
    """The tag has not run in the preceding environment."""

    reason = "not-promoted"


class SoakingError(RefusedError):
    """The tag has not run long enough in the preceding environment."""

    reason = "soaking"


class FrozenError(RefusedError):
    """The environment is frozen."""

    reason = "frozen"


class ForeignFilesError(RefusedError):
    """A bot's pull request changes more than tags."""

    reason = "foreign-files"


class UnknownFactError(RefusedError):
    """A required fact cannot be read."""

    reason = "unknown"


class ChecksPendingError(RefusedError):
    """A required check has not finished. Try again later."""

    reason = "checks-pending"


class ChecksFailedError(RefusedError):
    """A required check did not succeed."""

    reason = "checks-failed"


class NoChecksError(RefusedError):
    """Nothing says which checks the commit needs."""

    reason = "no-checks"


class DriftError(ActionError):
    """The rulesets or environments on GitHub differ from the files."""

    exit_code = 7
    reason = "drift"
