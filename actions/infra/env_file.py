"""Read the tags and digests in the text of one env file, and replace some of them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, NoTagError, UnknownServiceError
from actions.infra.formats import EditError, FormatError
from actions.infra.image import pinned_digest, tag_part, unpinned, with_tag_part
from actions.infra.tag_path import NOWHERE, replaced_at, value_at, without
from actions.tags import DIGESTS_ARE, is_digest, is_tag, require_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

    from actions.infra.formats import Document
    from actions.infra.tag_path import Place, TagPath, Tree
    from actions.tags import Artifact

EXTENSIONS = ("json", "yaml", "yml", "toml")
BOM = "\ufeff"
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
KUSTOMIZATION_LISTS = ("resources", "bases", "components", "configurations", "crds", "transformers", "generators")
REMOTE = re.compile(r"^[a-z+]+:|^git@|[?]|^[^/]+\.[a-z]+/.+/", re.IGNORECASE)
ENCRYPTED = "ENC["


@dataclass(frozen=True, slots=True)
class _Edit:
    """The new *value* at *place*, for *service*; errors call it *what*."""

    service: str
    place: Place
    value: str
    what: str


@dataclass(frozen=True, kw_only=True)
class EnvFile:
    """An env file: its path in the repository, its text, and the place of the tags in it.

    *service* is the only service of the file, "" if it may have several. *own* are the paths of those that have one of
    their own. *extension* says the format, instead of the name of the file. The tags of the services *change_all* are
    changed with everything that shares them by an alias.
    """

    path: str
    text: str
    tag_path: TagPath
    service: str = ""
    own: Mapping[str, TagPath] = field(default_factory=dict)
    extension: str = ""
    change_all: frozenset[str] = frozenset()

    def tags(self) -> dict[str, str]:
        """Return the tag of every service, "" for a service without one; raise EnvFileError if the file is invalid.

        A list, a table or, in JSON and TOML, a number is no tag, so what holds it is no service.
        """
        return {service: self._tag(service, place) for service, place in self._services().items()}

    def tag(self, service: str) -> str:
        """Return the tag of *service*, "" if it has none or is not there; neighbors are not looked at."""
        place = self._find(service)
        return self._tag(service, place) if place else ""

    def require_tag(self, service: str, tag: str) -> str:
        """Return *tag*, which the file has for *service*; raise InvalidTagError with its line if it is not valid."""
        return tag if is_tag(tag) else require_tag(tag, file=self.path, line=self.line_of(service))

    def digests(self) -> dict[str, str]:
        """Return what the file has as the digest of every service, valid or not; "" for a service without one."""
        return {service: self._digest(service, place) for service, place in self._services().items()}

    def digest(self, service: str) -> str:
        """Return the digest of *service*, "" if it has none; raise EnvFileError if it is not valid."""
        place = self._find(service)
        return self.require_digest(service, self._digest(service, place)) if place else ""

    def require_digest(self, service: str, digest: str) -> str:
        """Return *digest*, which the file has for *service*; raise EnvFileError if it is neither valid nor empty."""
        if not digest or is_digest(digest):
            return digest
        place = self._place_of(service)
        raise self._error(
            f"the digest of '{service}' is {digest[:100]!r}; write {DIGESTS_ARE}, or leave it empty",
            self._document.line(self._path_of(service).digest_place(self._document.tree, place) or place),
        )

    def stale_digest(self, service: str) -> EnvFileError:
        """Return the error that *service* has a digest, which a new tag alone would contradict."""
        place = self._place_of(service)
        found = self._path_of(service).digest_place(self._document.tree, place) or place
        return self._error(
            f"'{service}' is pinned to a digest, which would win over a new tag; give the input digest, or set"
            " digest: drop in gitops.yml",
            self._document.line(found),
        )

    def parts(self) -> tuple[dict[str, Tree], Tree]:
        """Split the file into the part of every service and the rest, to compare two versions of it."""
        self._services()  # raises if one of them is ambiguous
        tree = self._document.tree
        if self.service:
            return {self.service: tree}, None
        parts: dict[str, Tree] = {}
        for service, place in self._own_places():
            digest = self.own[service].digest_place(tree, place)
            parts[service] = [value_at(tree, found) for found in (place, digest) if found]
            for found in (place, digest):
                tree = replaced_at(tree, found, None) if found else tree
        places = {name: place for name, place in self.tag_path.service_places(tree) if name not in self.own}
        parts |= {service: value_at(tree, place) for service, place in places.items()}
        return parts, without(tree, set(places.values()))

    def with_artifacts(self, artifacts: Mapping[str, Artifact]) -> EnvFile:
        """Replace the tags and the digests of *artifacts*, by service, and change no other byte.

        The result is parsed and compared with the original to prove it. Raises EnvFileError if that fails, and
        UnknownServiceError or NoTagError if there is no tag to replace. The digest "" changes nothing where none is.
        """
        edits = [edit for service, artifact in artifacts.items() for edit in self._edits(service, artifact)]
        if not edits:
            return self
        if is_signed(self._document.tree):
            raise self._error(
                f"SOPS has signed the whole file, {edits[0].what} too; set mac_only_encrypted: true in .sops.yaml, or"
                " keep the tags in another file",
                self._document.line(edits[0].place),
            )
        return self._with(edits)

    def mentions(self, service: str) -> bool:
        """Tell whether the file contains *service*, with or without a tag."""
        named = self._path_of(service).mention(self._document.tree, service)
        return service == self.service or named is not None

    def line_of(self, service: str) -> int:
        """Return the line number of the tag of *service*, 1 if there is none."""
        place = self._find(service)
        return self._document.line(place) if place else 1

    def folders(self) -> list[str]:
        """Return the folder of a kustomization, and what it names in the repository; [] if it is another file."""
        path = PurePosixPath(self.path)
        if path.name not in KUSTOMIZATIONS:
            return []
        tree = self._document.tree
        lists = [tree.get(key) for key in KUSTOMIZATION_LISTS] if isinstance(tree, dict) else []
        named = [item for items in lists if isinstance(items, list) for item in items if isinstance(item, str)]
        local = [posixpath.normpath(path.parent / item) for item in named if not REMOTE.search(item)]
        return [str(path.parent), *(folder for folder in local if not folder.startswith(".."))]

    def known_services(self) -> str:
        """List the services for an error, and what could be one but for its name."""
        known = ", ".join(sorted(self.tags()))
        others = self.tag_path.misnamed(self._document.tree)
        if not others:
            return known or "none; set 'tag' in gitops.yml to where the tags are"
        return (
            f"{known or 'none'}. '{others[0][:200]}' is not the name of a service; write what is around the name in the"
            " path, like images[name=registry/{service}].newTag, or set services.<name>.image in gitops.yml"
        )

    def has(self, service: str) -> bool:
        """Tell whether *service* belongs to this file by the layout."""
        return service == self.service or bool(self.own.get(service, NOWHERE).steps)

    @cached_property
    def _document(self) -> Document:
        try:
            document: Document = self._format.parse(self.text.removeprefix(BOM))
        except FormatError as error:
            raise self._error(str(error), error.line) from error
        return document

    @property
    def _format(self) -> ModuleType:
        suffix = PurePosixPath(self.path).suffix.removeprefix(".")
        extension = suffix if suffix in EXTENSIONS else self.extension
        if extension == "json":
            from actions.infra.formats import json_format

            return json_format
        if extension == "toml":
            from actions.infra.formats import toml_format

            return toml_format
        from actions.infra.formats import yaml_format

        return yaml_format

    def _path_of(self, service: str) -> TagPath:
        return self.own.get(service, self.tag_path)

    def _own_places(self) -> Iterator[tuple[str, Place]]:
        for path in self.own.values():
            yield from path.places(self._document.tree)

    @cached_property
    def _places(self) -> dict[str, list[Place]]:
        """Return the places at which each service has a tag, more than one if the file is ambiguous."""
        places: dict[str, list[Place]] = {}
        for service, place in self._own_places():
            places.setdefault(service, []).append(place)
        for service, place in self.tag_path.places(self._document.tree):
            if service not in self.own:
                places.setdefault(service or self.service, []).append(place)
        return places

    @cached_property
    def _sections(self) -> dict[str, list[Place]]:
        """Return the places of the sections that name each service that has a tag, with the tag or without.

        Which of several counts depends on who reads the file, and all may: kustomize applies one after the other.
        """
        tree = self._document.tree
        sections: dict[str, list[Place]] = {}
        for path in self.own.values():
            for service, place in path.service_places(tree):
                sections.setdefault(service, []).append(place)
        for service, place in self.tag_path.service_places(tree):
            if service not in self.own:
                sections.setdefault(service or self.service, []).append(place)
        return sections

    def _services(self) -> dict[str, Place]:
        """Return the place of the tag of every service; raise EnvFileError if one is ambiguous."""
        found: dict[str, Place] = {}
        for service, places in self._places.items():
            values = [value_at(self._document.tree, place) for place in places]
            tags = [place for place, value in zip(places, values, strict=True) if is_text(value)]
            if tags:
                found[service] = self._require_one(service, tags)
        return found

    def _find(self, service: str) -> Place | None:
        """Return the place of the tag of *service*, None if there is none; raise EnvFileError if there are two."""
        places = self._places.get(service)
        return self._require_one(service, places) if places else None

    def _require_one(self, service: str, places: Sequence[Place]) -> Place:
        sections = self._sections[service]
        doubled = sections if len(sections) > 1 else places
        if len(doubled) > 1:
            first, second = (self._document.line(place) for place in doubled[:2])
            raise self._error(
                f"service '{service}' occurs twice, at lines {first} and {second}; remove one, or say which by"
                f" services.{service}.path",
                second,
            )
        try:
            self._document.require_one(places[0])
        except EditError as error:
            raise self._error(str(error), error.line) from error
        return places[0]

    def _place_of(self, service: str) -> Place:
        """Return the place of the tag of *service*, which must have one."""
        tree, path = self._document.tree, self._path_of(service)
        place = self._find(service)
        if place:
            value = value_at(tree, place)
            if is_text(value):
                return place
            if isinstance(value, str):
                raise self._error(
                    f"the tag of '{service}' is encrypted by SOPS; keep it in plain text by unencrypted_regex",
                    self._document.line(place),
                )
            kind = "a list or a table" if isinstance(value, (dict, list)) else f"{value!r}, not a string"
            line = self._document.line(place)
            raise self._error(f"the tag of '{service}' is {kind}; write it as a string", line)
        mention = path.mention(tree, service)
        if not mention and not self.has(service):
            raise UnknownServiceError(
                f"{self.path}:1: no service '{service}' in {self.path}; it has: {self.known_services()}",
                file=self.path,
                line=1,
            )
        line = self._document.line(mention) if mention else 1
        raise NoTagError(
            f"{self.path}:{line}: service '{service}' has no tag in {self.path} at {path.text}",
            file=self.path,
            line=line,
        )

    def _tag(self, service: str, place: Place) -> str:
        value = value_at(self._document.tree, place)
        text = value if isinstance(value, str) else ""
        return tag_part(text) if self._path_of(service).holds_image else unpinned(text)

    def _digest(self, service: str, place: Place) -> str:
        pinned = pinned_digest(str(value_at(self._document.tree, place)))
        if pinned:
            return pinned
        found = self._path_of(service).digest_place(self._document.tree, place)
        value = value_at(self._document.tree, found) if found else None
        return "" if value is None else value if isinstance(value, str) else repr(value)

    def _edits(self, service: str, artifact: Artifact) -> Iterator[_Edit]:
        tree, path = self._document.tree, self._path_of(service)
        place, what = self._place_of(service), f"the tag of '{service}'"
        old = str(value_at(tree, place) or "")
        pinned, value = pinned_digest(old), unpinned(old)
        if artifact.tag != self._tag(service, place):
            if path.is_of_image and "+" in artifact.tag:
                problem = f"{what} cannot be {artifact.tag}: no registry takes a '+' in the tag of an image"
                raise self._error(problem, self._document.line(place))
            try:
                value = with_tag_part(value, artifact.tag) if path.holds_image else artifact.tag
            except FormatError as error:
                raise self._error(f"{what} {error}", self._document.line(place)) from error
        value += f"@{artifact.digest}" if pinned and artifact.digest else ""
        if value != old:
            yield _Edit(service, place, value, what)
        if not pinned and self.digest(service) != artifact.digest:
            digest_place = path.digest_place(tree, place)
            if not digest_place:
                raise self._error(self._without_place(service), self._document.line(place))
            yield _Edit(service, digest_place, artifact.digest, f"the digest of '{service}'")

    def _with(self, edits: Sequence[_Edit]) -> EnvFile:
        values = {edit.place: edit.value for edit in edits}
        try:
            document = self._document.edit(values, [edit.place for edit in edits if edit.service in self.change_all])
        except EditError as error:
            what = next(edit.what for edit in edits if edit.place == error.place)
            raise self._error(f"{what} {error}", error.line) from error
        except FormatError as error:
            raise self._error(f"{edits[0].what} cannot be replaced: {error}", error.line) from error
        bom = BOM if self.text.startswith(BOM) else ""
        edited = replace(self, text=bom + document.text)
        edited.__dict__["_document"] = document  # parsed to prove the edit, and need not be once more
        return edited

    def _without_place(self, service: str) -> str:
        path = self._path_of(service)
        if path.has_place_for_digest:
            return f"service '{service}' has no key for a digest; add digest: \"\" beside its tag"
        return f"the digest of '{service}' has no place beside its tag at {path.text}; use another layout"

    def _error(self, message: str, line: int = 0) -> EnvFileError:
        return EnvFileError(f"{self.path}:{line or 1}: {message}", file=self.path, line=line or 1)


def is_text(value: Tree) -> bool:
    """Tell whether *value* can be a tag, or the place of one that is still to come."""
    return value is None or (isinstance(value, str) and not value.startswith(ENCRYPTED))


def is_signed(tree: Tree) -> bool:
    """Tell whether SOPS has signed all values of *tree*, the plain ones too, so that a change makes it unreadable."""
    sops = tree.get("sops") if isinstance(tree, dict) else None
    return isinstance(sops, dict) and bool(sops.get("mac")) and str(sops.get("mac_only_encrypted")).lower() != "true"
