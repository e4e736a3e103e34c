"""Locate the tags in an env file by a path, as `gitops.yml` writes it.

    {service}.tag                     the default: {"api": {"tag": "..."}}
    images[name={service}].newTag     a kustomization
    image.tag                         Helm values, one file per service
    {service}.image                   an image reference; its tag part is the tag

The digest of an artifact stands in the key `digest` beside its tag: `{service}.digest`, `image.digest` and so on.

A tree is the result of a parser: dicts, lists and scalars.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"
Place: TypeAlias = tuple[str | int, ...]

SERVICE = "{service}"
DIGEST = "digest"
DEEPEST = 200
STEP = re.compile(
    r"(?P<key>[^.\[\]{}=\s]+|\{service\})?(?:\[(?P<field>[^\[\]{}=\s]+)=(?P<value>[^\[\]{}=\s]+|\{service\})\])?"
)


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step down: to the value of *key*; if *field* is given, on to the list item whose *field* is *value*."""

    key: str
    field: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class TagPath:
    """The steps from the top of an env file down to a tag."""

    text: str
    steps: tuple[PathStep, ...]

    @classmethod
    def parse(cls, text: str) -> TagPath:
        """Parse *text*; raise ValueError with the problem if it is not a path to a tag."""
        parts = text.split(".")
        matches = [match for part in parts if (match := STEP.fullmatch(part)) and match["key"]]
        if len(matches) < len(parts):
            raise ValueError(f"{text!r} is not a path to a tag; write it like '{{service}}.tag'")
        steps = tuple(PathStep(match["key"], match["field"] or "", match["value"] or "") for match in matches)
        if steps[-1].field:
            raise ValueError(f"{text!r} ends at a list item; name the key that holds its tag")
        if text.count(SERVICE) > 1:
            raise ValueError(f"{text!r} names the service twice")
        return cls(text, steps)

    @property
    def names_service(self) -> bool:
        """Tell whether the file itself names the services, not only its file name."""
        return SERVICE in self.text

    @property
    def holds_image(self) -> bool:
        """Tell whether the value is an image reference, which contains the tag."""
        return self.steps[-1].key.lower().endswith("image")

    @property
    def has_place_for_digest(self) -> bool:
        """Tell whether a key beside the tag can hold its digest: not if those beside it are other services' tags."""
        return self.steps[-1].key not in (SERVICE, DIGEST)

    def digest_place(self, tree: Tree, place: Place) -> Place | None:
        """Return the place of the digest beside the tag at *place*, None if *tree* has no key for it."""
        there = self.has_place_for_digest and DIGEST in value_at(tree, place[:-1])  # type: ignore[operator]
        return (*place[:-1], DIGEST) if there else None

    def places(self, tree: Tree) -> Iterator[tuple[str, Place]]:
        """Yield every service of *tree* with the place of its tag; the service is "" if the file does not name it."""
        yield from self._walk(tree, self.steps)

    def service_places(self, tree: Tree) -> Iterator[tuple[str, Place]]:
        """Yield every service of *tree* that has a tag, with the place of its whole section.

        A service comes once for each section that names it, with a tag or without one.
        """
        to_service = (n for n, step in enumerate(self.steps, 1) if SERVICE in (step.key, step.value))
        tagged = {service for service, _ in self.places(tree)}
        for service, place in self._walk(tree, self.steps[: next(to_service, None)]):
            if service in tagged:
                yield service, place

    def mentions(self, tree: Tree, service: str) -> bool:
        """Tell whether *tree* contains *service*, with or without a tag."""
        steps = self.steps
        while steps:
            if any(name == service for name, _ in self._walk(tree, steps)):
                return True
            steps = steps[:-1]
        return False

    @staticmethod
    def _walk(tree: Tree, steps: tuple[PathStep, ...]) -> Iterator[tuple[str, Place]]:
        # The top of a tree is a list only for a YAML file of several documents.
        for index, document in enumerate(tree) if isinstance(tree, list) else ():
            yield from _walk(document, steps, (index,), "")
        yield from _walk(tree, steps, (), "")


def _walk(tree: Tree, steps: tuple[PathStep, ...], place: Place, service: str) -> Iterator[tuple[str, Place]]:
    if not steps:
        yield service, place
        return
    step, rest = steps[0], steps[1:]
    if not isinstance(tree, dict):
        return
    for key in tree if step.key == SERVICE else [step.key] if step.key in tree else []:
        named = key if step.key == SERVICE else service
        if not step.field:
            yield from _walk(tree[key], rest, (*place, key), named)
            continue
        items = tree[key]
        for index, item in enumerate(items if isinstance(items, list) else []):
            value = item.get(step.field) if isinstance(item, dict) else None
            if isinstance(value, str) and step.value in (SERVICE, value):
                name = value if step.value == SERVICE else named
                yield from _walk(item, rest, (*place, key, index), name)


def value_at(tree: Tree, place: Place) -> Tree:
    """Return the value at *place*, which must exist."""
    for step in place:
        tree = tree[step]  # type: ignore[index]
    return tree


def first_text(tree: Tree, place: Place) -> Place | None:
    """Return the place of the first string at or below *place*, None if there is none."""
    value = value_at(tree, place)
    if isinstance(value, str):
        return place
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return next((found for step in steps if (found := first_text(tree, (*place, step)))), None)


def replaced_at(tree: Tree, place: Place, value: Tree) -> Tree:
    """Return a copy of *tree* with *value* at *place*, which must exist."""
    if not place:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)  # type: ignore[arg-type]
    copy[place[0]] = replaced_at(tree[place[0]], place[1:], value)  # type: ignore[index]
    return copy


def without(tree: Tree, places: Collection[Place], at: Place = ()) -> Tree:
    """Return a copy of *tree* without the values at *places*; *at* is the place of *tree* in the whole."""
    if isinstance(tree, dict):
        return {key: without(item, places, (*at, key)) for key, item in tree.items() if (*at, key) not in places}
    if isinstance(tree, list):
        return [without(item, places, (*at, n)) for n, item in enumerate(tree) if (*at, n) not in places]
    return tree


def is_deep(tree: Tree) -> bool:
    """Tell whether *tree* nests deeper than the recursion over trees allows for."""
    level: list[Tree] = [tree]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True
