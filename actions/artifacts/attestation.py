"""Ask `gh attestation verify` whether an image was built by a workflow of its repository, from a commit.

gh verifies the signature, and that the attestation is of this digest and of this repository (`--repo`). What else is
asked of it is judged here, by the certificate in its answer: only that is out of reach of the workflow that was
attested (cli/cli, `pkg/cmd/attestation/verify/verify.go`: "only the signature.certificate and the verifiedTimestamps
properties contain values that cannot be manipulated by the workflow").

- `--repo` is as old as the command (2.49.0), and `--format json` came a month later (cli/cli#9172). `--repo` also binds
  the workflow that signed to the repository (`policy.go`, `newEnforcementCriteria`). `--source-ref` and
  `--source-digest` are younger, and take one value. `--signer-workflow` is the beginning of a regular expression
  (`policy.go`, `validateSignerWorkflow`). Why an attestation does not fit, gh says in words alone.
- Names and forms of the certificate's fields: sigstore/fulcio, `docs/oid-info.md`.
- gh exits with 4 without a token (aquaproj/aqua#3157), else with 1, and says `Error: …` on stderr.
- 2.66.1 and older exit with 0 and print nothing if no attestation is provenance (cli/cli#10418).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from actions.api.jobs import EVENTS
from actions.artifacts.image import Image
from actions.errors import AccessError
from actions.runner.environment import server_url, workspace_root
from actions.runner.event import is_hotfix

TIMEOUT = 120
MOST_ATTESTATIONS = 100  # of one digest; it is 30 otherwise, and a build that changes nothing makes one more
MOST_NAMED = 3
GITHUB = "https://github.com"
HOSTED = "github-hosted"
# Events whose runs build what the branch or the git tag has; others (workflow_run, pull_request_target, issue_comment)
# have the ref of the default branch, and may check out something else.
TRIGGERS = (*EVENTS, "release")
HEADS, TAGS = "refs/heads/", "refs/tags/"
# The rest of the environment holds other tokens. gh reads docker's credentials, and keeps its trust root in a cache.
INHERITED = (
    "PATH", "SYSTEMROOT", "HOME", "DOCKER_CONFIG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE",
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1"}
# aquaproj/aqua-registry#44455: "HTTP 404: Not Found (https://api.github.com/repos/…/attestations/sha256:…"
NONE_THERE = re.compile(r"HTTP 404: Not Found \(\S+/attestations/sha256:|no attestations found", re.IGNORECASE)
# cli/cli, `extensions.go` ("expected SourceRepositoryURI to be …, got …"), and cli/cli#10059.
NOT_VALID = re.compile(r"expected \w+ to be \S+, got |verifying with issuer ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What the provenance of *image* with *digest* must say.

    It was built by *workflow*, a file of *repo*, from *commit*: on the default branch, on a hotfix branch, or for the
    git tag *git_tag* ("": none).
    """

    image: str
    digest: str
    repo: str
    commit: str
    workflow: str
    default_branch: str
    hotfix_prefix: str
    git_tag: str = ""

    def allows(self, ref: str) -> bool:
        """Tell whether an artifact may be built from *ref*."""
        branch, git_tag = (ref.removeprefix(start) if ref.startswith(start) else "" for start in (HEADS, TAGS))
        if branch:
            return branch == self.default_branch or is_hotfix(branch, self.hotfix_prefix)
        return git_tag == self.git_tag != ""


def fault_of(wanted: Provenance, token: str) -> str:
    """Return why the image has not the provenance *wanted*, "" if it has; raise AccessError if nobody can say."""
    Image.parse(wanted.image)  # so that it is no option of gh, and no other reference
    code, printed, said = _gh(wanted, token)
    if code == 0:
        return judge(printed, wanted, server_url())
    if NONE_THERE.search(said):
        return f"GitHub has no attestation of it in {wanted.repo}"
    if NOT_VALID.search(said):
        return f"gh does not accept its attestations: {_words(said)}"
    needed = "; the token for the apps needs 'attestations: read'" if "HTTP 403" in said else ""
    raise AccessError(f"gh cannot tell whether it is attested: {_words(said) or f'it ended with {code}'}{needed}")


def judge(printed: str, wanted: Provenance, server: str) -> str:
    """Return why none of the attestations in the answer *printed* by gh says what is *wanted*, "" if one does."""
    try:
        certificates = [entry["verificationResult"]["signature"]["certificate"] for entry in json.loads(printed)]
        faults = [_fault(certificate, wanted, server) for certificate in certificates]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        faults = []
    if not faults:
        raise AccessError("gh cannot tell whether it is attested: its answer is not understood")
    if not all(faults):
        return ""
    found = list(dict.fromkeys(faults))
    unlisted = f", and {len(found) - MOST_NAMED} more" if found[MOST_NAMED:] else ""
    return f"{'; '.join(found[:MOST_NAMED])}{unlisted}"


def _fault(certificate: dict[str, Any], wanted: Provenance, server: str) -> str:
    """Return what is wrong with the build that *certificate* was given to, "" if nothing is."""
    repo, ref = str(certificate["sourceRepositoryURI"]), str(certificate["sourceRepositoryRef"])
    commit, runner = str(certificate["sourceRepositoryDigest"]), str(certificate["runnerEnvironment"])
    trigger = str(certificate["buildTrigger"])
    # A called workflow signs, for the one that called it (`oid-info.md`: Build Signer URI, Build Config URI).
    builders = [str(certificate[name]) for name in ("buildSignerURI", "buildConfigURI")]
    path = f"/.github/workflows/{wanted.workflow}@{ref}"
    ours = any(uri[: len(repo)].casefold() == repo.casefold() and uri[len(repo) :] == path for uri in builders)
    faults = {
        f"by {_short(repo)}, not by {wanted.repo}": repo.casefold() != f"{server}/{wanted.repo}".casefold(),
        f"from {_short(commit)[:12]}, not from {wanted.commit[:12]}": commit != wanted.commit,
        f"on {_short(ref)}, which is neither the default branch nor a hotfix branch": not wanted.allows(ref),
        f"for the event {_short(trigger)}, which may build what no branch has": trigger not in TRIGGERS,
        f"on a runner that is {_short(runner) or 'unknown'}, not {HOSTED}": runner != HOSTED,
        f"by {' in '.join(dict.fromkeys(map(_short, builders)))}, not by {wanted.workflow}": not ours,
    }
    return next((f"it was built {fault}" for fault, is_wrong in faults.items() if is_wrong), "")


def _gh(wanted: Provenance, token: str) -> tuple[int, str, str]:
    """Run gh, and return its exit code, what it printed, and what it said of errors."""
    server = server_url()
    host = {} if server == GITHUB else {"GH_HOST": urlsplit(server).netloc}
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= QUIET | host | {"GH_TOKEN": token}
    command = [_program(), "attestation", "verify", f"oci://{wanted.image}@{wanted.digest}", "--repo", wanted.repo]
    command += ["--limit", str(MOST_ATTESTATIONS), "--format", "json"]
    try:
        done = subprocess.run(
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise AccessError(f"gh cannot tell whether it is attested ({type(error).__name__})") from None
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def _program() -> str:
    """Return the path of gh; raise AccessError if there is none, or only one in the checkout."""
    found = shutil.which("gh")
    if not found or not Path(found).is_absolute():
        raise AccessError("gh, which verifies attestations, is not on this runner; GitHub's own images have it")
    if Path(found).resolve().is_relative_to(workspace_root().resolve()):
        raise AccessError("the gh that this runner finds is in the checkout, from which nothing is executed")
    return found


def _words(said: str) -> str:
    """Return the error among the lines that gh *said*, short and on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error:")] or lines[-1:]
    return _short(errors[0].removeprefix("Error:").strip()) if errors else ""


def _short(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:200])
