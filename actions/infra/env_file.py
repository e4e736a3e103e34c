"""Read the tags and digests in the text of one env file, and replace one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from actions.errors import ActionError, EnvFileError, NoTagError, UnknownServiceError
from actions.infra.formats import FormatError
from actions.infra.tag_path import first_text, is_deep, replaced_at, value_at, without
from actions.names import NAME, NAMES_ARE
from actions.tags import DIGESTS_ARE, is_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from actions.infra.tag_path import Place, TagPath, Tree

# A name becomes part of paths, branch names and job names, so it is one path segment that needs no quoting in a shell.
EXTENSIONS = ("json", "yaml", "yml", "toml")
BOM = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvFile:
    """An env file: its path in the repository, its text, and the place of the tags in it.

    *service* is the service in the name of the file, "" if the text names the services.
    """

    path: str
    text: str
    tag_path: TagPath
    service: str = ""

    def tags(self) -> dict[str, str]:
        """Return the tag of every service, "" for a service without one; raise EnvFileError if the file is invalid."""
        tree = self._unambiguous()
        return {
            self._named(service): self._tag(service or self.service, value_at(tree, place))
            for service, place in self.tag_path.places(tree)
        }

    def digests(self) -> dict[str, str]:
        """Return what the file has as the digest of every service, valid or not; "" for a service without one."""
        tree = self._unambiguous()
        return {
            self._named(service): _text(tree, self.tag_path.digest_place(tree, place))
            for service, place in self.tag_path.places(tree)
        }

    def require_digest(self, service: str, digest: str) -> str:
        """Return *digest*, which the file has for *service*; raise EnvFileError if it is neither valid nor empty."""
        if not digest or is_digest(digest):
            return digest
        raise self._error(
            f"the digest of '{service}' is {digest[:100]!r}; write {DIGESTS_ARE}, or leave it empty",
            self._line_of_digest(service),
        )

    def parts(self) -> tuple[dict[str, Tree], Tree]:
        """Split the file into the part of every service and the rest, to compare two versions of it."""
        tree = self._unambiguous()
        if not self.tag_path.names_service:
            return {self.service: tree}, None
        places = dict(self.tag_path.service_places(tree))
        parts = {service: value_at(tree, place) for service, place in places.items()}
        return parts, without(tree, set(places.values()))

    def with_tag(self, service: str, tag: str) -> EnvFile:
        """Replace the tag of *service* by *tag*, and change no other byte.

        The result is parsed and compared with the original to prove it. Raises EnvFileError if that fails, and
        UnknownServiceError or NoTagError if there is no tag to replace.
        """
        tree = self._load(self.text)
        place = self._place(tree, service)
        what, value = f"the tag of '{service}'", tag
        if self.tag_path.holds_image:
            try:
                value = _with_tag_part(str(value_at(tree, place) or ""), tag)
            except FormatError as error:
                raise self._error(f"{what} {error}") from error
        return self._with(tree, place, value, what)

    def with_digest(self, service: str, digest: str) -> EnvFile:
        """Replace the digest of *service* by *digest*, in the same way; "" changes nothing where no digest is.

        Raises EnvFileError if the file has no key for it beside the tag.
        """
        tree = self._load(self.text)
        place = self.tag_path.digest_place(tree, self._place(tree, service))
        if self.require_digest(service, _text(tree, place)) == digest:
            return self
        if not place:
            raise self._error(self._without_place(service), self.line_of(service))
        return self._with(tree, place, digest, f"the digest of '{service}'")

    def mentions(self, service: str) -> bool:
        """Tell whether the file contains *service*, with or without a tag."""
        return self.service == service or self.tag_path.mentions(self._load(self.text), service)

    def line_of(self, service: str) -> int:
        """Return the line number of the tag of *service*, 1 if there is none."""
        return self._changed_line(lambda: self.with_tag(service, "x" if self.tags().get(service) != "x" else "y"))

    @property
    def _format(self) -> ModuleType:
        extension = PurePosixPath(self.path).suffix
        if extension == ".json":
            from actions.infra.formats import json_format

            return json_format
        if extension == ".toml":
            from actions.infra.formats import toml_format

            return toml_format
        from actions.infra.formats import yaml_format

        return yaml_format

    def _load(self, text: str) -> Tree:
        try:
            tree: Tree = self._format.load(text.removeprefix(BOM))
        except FormatError as error:
            raise self._error(str(error), error.line) from error
        if is_deep(tree):
            raise self._error("nested too deeply")
        return tree

    def _with(self, tree: Tree, place: Place, value: str, what: str) -> EnvFile:
        """Replace the value at *place* of *tree*, the parsed text, by *value*; errors call it *what*."""
        bare = self.text.removeprefix(BOM)
        try:
            text = self._format.splice(bare, place, value)
            after = self._format.load(text)
        except FormatError as error:
            raise self._error(f"{what} {error}", error.line) from error
        # Compared as text, because a NaN in TOML is not equal to itself.
        if repr(after) != repr(replaced_at(tree, place, value)):
            raise self._error(f"{what} cannot be replaced without changing something else")
        bom = BOM if bare != self.text else ""
        return EnvFile(path=self.path, text=bom + text, tag_path=self.tag_path, service=self.service)

    def _without_place(self, service: str) -> str:
        if self.tag_path.has_place_for_digest:
            return f"service '{service}' has no key for a digest; add digest: \"\" beside its tag"
        return f"the digest of '{service}' has no place beside its tag at {self.tag_path.text}; use another layout"

    def _line_of_digest(self, service: str) -> int:
        """Return the line number of the digest of *service*; if it is no text, that of its tag."""
        tree = self._load(self.text)
        place = self.tag_path.digest_place(tree, self._place(tree, service))
        if not place or not isinstance(value_at(tree, place), str):
            return self.line_of(service)
        return self._changed_line(lambda: self._with(tree, place, "", "the digest"))

    def _changed_line(self, edit: Callable[[], EnvFile]) -> int:
        """Return the number of the first line that *edit* changes; where the edit fails, that of its error."""
        try:
            edited = edit()
        except ActionError as error:
            return error.line
        lines = zip(self.text.splitlines(), edited.text.splitlines(), strict=False)
        return next((number for number, (old, new) in enumerate(lines, 1) if old != new), 1)

    def _named(self, service: str) -> str:
        if service and not NAME.fullmatch(service):
            raise self._error(f"{service[:100]!r} is not a valid name for a service; {NAMES_ARE}")
        return service or self.service

    def _place(self, tree: Tree, service: str) -> Place:
        name = "" if self.service == service and not self.tag_path.names_service else service
        places = [place for owner, place in self.tag_path.places(tree) if owner == name]
        self._require_one_section(tree, name)
        if places:
            self._tag(service, value_at(tree, places[0]))
            return places[0]
        if name and not self.tag_path.mentions(tree, service):
            known = ", ".join(sorted(self.tags())) or "none"
            raise UnknownServiceError(f"no service '{service}' in {self.path}; it has: {known}", file=self.path, line=1)
        raise NoTagError(
            f"service '{service}' has no tag in {self.path} at {self.tag_path.text}", file=self.path, line=1
        )

    def _unambiguous(self) -> Tree:
        """Return the tree of the file; raise EnvFileError if two sections of it name one service."""
        tree = self._load(self.text)
        self._require_one_section(tree)
        return tree

    def _require_one_section(self, tree: Tree, only: str | None = None) -> None:
        """Raise EnvFileError if two sections of *tree* name one service; *only* this one, if it is given.

        Which of them counts depends on who reads the file, and both may: kustomize applies one after the other.
        """
        seen: set[str] = set()
        for service, place in self.tag_path.service_places(tree):
            if service in seen and only in (None, service):
                message = f"service '{service or self.service}' occurs twice; remove one of them"
                raise self._error(message, self._line_in(tree, first_text(tree, place)))
            seen.add(service)

    def _line_in(self, tree: Tree, place: Place | None) -> int:
        """Return the line number of the string at *place* of *tree*, 0 if there is none."""
        if place is None:
            return 0
        other = "x" if value_at(tree, place) != "x" else ""
        return self._changed_line(lambda: self._with(tree, place, other, "the text"))

    def _tag(self, service: str, value: Tree) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            kind = "a list or a table" if isinstance(value, (dict, list)) else f"{value!r}, not a string"
            raise self._error(f"the tag of '{service}' is {kind}; write it as a string")
        return _tag_part(value) if self.tag_path.holds_image else value

    def _error(self, message: str, line: int = 0) -> EnvFileError:
        where = f"{self.path}:{line}" if line else self.path
        return EnvFileError(f"{where}: {message}", file=self.path, line=line or 1)


def _text(tree: Tree, place: Place | None) -> str:
    """Return the value at *place* as text; "" if there is none."""
    value = value_at(tree, place) if place else None
    return "" if value is None else value if isinstance(value, str) else repr(value)


def _tag_part(image: str) -> str:
    """Return the tag of an image reference, "" if it has none; a colon before the last slash is a port."""
    name, _, _digest = image.partition("@")
    return name.rpartition("/")[2].partition(":")[2]


def _with_tag_part(image: str, tag: str) -> str:
    if not image:
        raise FormatError("is empty; write the image first")
    if "+" in tag:
        raise FormatError(f"cannot be {tag}: an image tag has no '+'")
    if "@" in image:
        raise FormatError(f"is pinned to a digest ({image}); a new tag would be ignored, so remove the digest first")
    old = _tag_part(image)
    return f"{image.removesuffix(f':{old}') if old else image}:{tag}"
