"""Collect what a registry and GitHub's attestations say of the image that a change brings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from actions.app.facts import Unknown
from actions.artifacts import attestation, registry
from actions.artifacts.image import Image
from actions.gates.facts import known
from actions.infra.config import ATTESTED, EXISTS

if TYPE_CHECKING:
    from actions.app.repository import AppRepository
    from actions.artifacts.login import RegistryLogin
    from actions.gates.facts import Facts
    from actions.infra.config import Config


class AppSource(Protocol):
    """Who knows `gitops.yml` and the apps."""

    @property
    def config(self) -> Config: ...
    def app(self, service: str) -> AppRepository | None: ...


class ArtifactSource(AppSource, Protocol):
    """Who has the credentials of the registry, too."""

    @property
    def login(self) -> RegistryLogin: ...


def with_artifact(source: ArtifactSource, facts: Facts) -> Facts:
    """Return *facts* with those about the image of the service, if `gitops.yml` says what it is called."""
    change = facts.change
    image = source.config.image_of(change.service)
    if image and EXISTS in facts.policy.artifact:
        facts = replace(facts, stored=known(partial(_stored, source, image, change.after)))
    # A third party's image has no workflow of ours that could have built it.
    if image and ATTESTED in facts.policy.artifact and source.app(change.service):
        facts = replace(facts, unattested=known(partial(unattested, source, facts)))
    return facts


def _stored(source: ArtifactSource, image: str, tag: str) -> str:
    return registry.digest_of_tag(Image.parse(image), tag, source.login)


def unattested(source: AppSource, facts: Facts) -> str | Unknown:
    """Return why the new image has not the provenance that it must have, "" if it has, or if the gate does not ask."""
    change, app, config = facts.change, source.app(facts.change.service), source.config
    if not app or not change.digest or facts.is_rollback:
        return ""
    build = app.build(change.after)
    if not build:
        return Unknown(f"which commit {change.after} was built from")
    wanted = attestation.Provenance(
        image=config.image_of(change.service),
        digest=change.digest,
        repo=app.client.name,
        commit=build.sha,
        workflow=config.workflow_of(change.service),
        default_branch=app.default_branch,
        hotfix_prefix=config.hotfix_prefix,
        git_tag="" if build.sha.startswith(build.name) else build.name,
    )
    return attestation.fault_of(wanted, app.client.token)
