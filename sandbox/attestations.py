"""Attestations: what actions/attest-build-provenance stores, with the certificate that Sigstore gives to the job.

A real certificate is X.509 with extensions; here it is the JSON that gh prints of it. The names of its fields, and
which claim of the job is in which: sigstore/fulcio, `docs/oid-info.md`.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

PROVENANCE = "https://slsa.dev/provenance/v1"
STATEMENT = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """The provenance of *digest*, signed with *certificate*, or *forged*."""

    digest: str
    certificate: dict[str, str]
    forged: bool = False
    statement: dict[str, Any] = field(default_factory=dict)

    def bundle(self) -> dict[str, Any]:
        """Return the Sigstore bundle."""
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"certificate": {"rawBytes": _encoded(self.certificate)}},
            "dsseEnvelope": {
                "payload": _encoded(self.statement),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": "forged" if self.forged else "valid"}],
            },
        }


def attested(
    server: str, repo: str, digest: str, commit: str, *, ref: str = "refs/heads/main", workflow: str = "publish.yml",
    signer: str = "", runner: str = "github-hosted", trigger: str = "push", forged: bool = False,
) -> Attestation:  # fmt: skip
    """Return what a job leaves that *workflow* of *repo* at *server* ran; *signer* is the workflow that it called."""
    caller = f"{server}/{repo}/.github/workflows/{workflow}@{ref}"
    called = f"{server}/{repo}/.github/workflows/{signer}@{ref}" if signer else caller
    certificate = {
        "certificateIssuer": "CN=sigstore-intermediate,O=sigstore.dev",
        "subjectAlternativeName": called,
        "issuer": "https://token.actions.githubusercontent.com",
        "buildSignerURI": called,
        "buildSignerDigest": commit,
        "runnerEnvironment": runner,
        "sourceRepositoryURI": f"{server}/{repo}",
        "sourceRepositoryDigest": commit,
        "sourceRepositoryRef": ref,
        "sourceRepositoryOwnerURI": f"{server}/{repo.partition('/')[0]}",
        "buildConfigURI": caller,
        "buildConfigDigest": commit,
        "buildTrigger": trigger,
    }
    subject = [{"name": repo, "digest": {"sha256": digest.removeprefix("sha256:")}}]
    statement = {"_type": STATEMENT, "subject": subject, "predicateType": PROVENANCE, "predicate": {}}
    return Attestation(digest=digest, certificate=certificate, forged=forged, statement=statement)


def _encoded(known: object) -> str:
    return base64.b64encode(json.dumps(known).encode()).decode()
