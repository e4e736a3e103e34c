"""Locate the tags in an env file by a path, as `gitops.yml` writes it.

    {service}.tag                                 the default: {"api": {"tag": "..."}}
    images[name=ghcr.io/org/{service}].newTag     a kustomization
    image.tag                                     Helm values
    {service}.image                               an image reference; its tag part is the tag
    spec.sources[0].targetRevision                an item of a list by its index, from 0
    metadata.annotations."acme.io/tag"            a key with dots, in quotes
    [kind=HelmRelease][metadata.name=api].spec.values.image.tag    in one document of several

The digest of an artifact stands in the key `digest` beside its tag: `{service}.digest`, `image.digest` and so on.

A tree is the result of a parser: dicts, lists and scalars.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from actions.names import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"
Place: TypeAlias = tuple[str | int, ...]

SERVICE = "{service}"
DIGEST = "digest"
DEEPEST = 200
STEP = re.compile(
    r"""(?P<dot>\.)?(?:
        (?P<key>[^.\[\]"'\s=]+)
      | "(?P<double>[^"]+)" | '(?P<single>[^']+)'
      | \[(?P<index>[0-9]{1,6})\]
      | \[(?P<field>[^\[\]"'\s=]+)=(?:"(?P<value_double>[^"]*)"|'(?P<value_single>[^']*)'|(?P<value>[^\[\]"']+))\]
    )""",
    re.VERBOSE,
)
BRACES = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A text in which `{service}` stands for the name of a service."""

    text: str

    def service_in(self, value: str) -> str | None:
        """Return the service that *value* names, "" if the template names none; None if they do not match."""
        before, braces, after = self.text.partition(SERVICE)
        if not braces:
            return "" if value == self.text else None
        name = value[len(before) : len(value) - len(after)]
        return name if name and value == before + name + after else None


@dataclass(frozen=True, slots=True)
class KeyStep:
    """The step to the value of a key."""

    key: Template


@dataclass(frozen=True, slots=True)
class IndexStep:
    """The step to an item of a list."""

    index: int


@dataclass(frozen=True, slots=True)
class ItemStep:
    """The step to the items of a list whose fields, each a path of keys, have these values; or to a mapping itself."""

    fields: tuple[tuple[tuple[str, ...], Template], ...]


Step: TypeAlias = KeyStep | IndexStep | ItemStep


@dataclass(frozen=True, slots=True)
class TagPath:
    """The steps from the top of an env file down to a tag.

    *images* are (service, image) where an image is not called like its service. If it is *only* of one
    service, as in a file of its own, the others in the file are not looked at.
    """

    text: str
    steps: tuple[Step, ...]
    images: tuple[tuple[str, str], ...] = ()
    only: str = ""

    @classmethod
    def parse(cls, text: str) -> TagPath:
        """Parse *text*; raise ValueError with the problem if it is not a path to a tag."""
        steps = _parse_steps(text)
        if not steps:
            raise ValueError(f"{text!r} is not a path to a tag; write it like '{{service}}.tag'")
        if isinstance(steps[-1], ItemStep):
            raise ValueError(  # noqa: TRY004 - the type says what is wrong with the text
                f"{text!r} ends at a list item; name the key that holds its tag"
            )
        if text.count(SERVICE) > 1:
            raise ValueError(f"{text!r} names the service twice")
        if BRACES.search(text.replace(SERVICE, "")):
            raise ValueError(f"{text!r} has braces; a path to a tag can contain only {SERVICE}")
        return cls(text, steps)

    def of(self, service: str) -> TagPath:
        """Return the path that leads to *service* alone."""
        return replace(self, only=service)

    @property
    def names_service(self) -> bool:
        """Tell whether the services are named in the file itself, not by the name of the file."""
        return not self.only and SERVICE in self.text

    @property
    def holds_image(self) -> bool:
        """Tell whether the value is an image reference, which contains the tag."""
        key = next(step.key.text for step in reversed(self.steps) if isinstance(step, KeyStep))
        in_list = isinstance(self.steps[-1], IndexStep)
        return key.lower().endswith("images" if in_list else "image")

    @property
    def is_of_image(self) -> bool:
        """Tell whether the tag is certainly that of an image, by the names of Kustomize and of Helm charts."""
        keys = [step.key.text for step in self.steps if isinstance(step, KeyStep)]
        of_chart = keys[-1] == "tag" and len(keys) > 1 and keys[-2].lower().endswith("image")
        return self.holds_image or keys[-1] == "newTag" or of_chart

    @property
    def has_place_for_digest(self) -> bool:
        """Tell whether a key beside the tag can hold its digest: not if those beside it are other services' tags."""
        last = self.steps[-1]
        return isinstance(last, KeyStep) and SERVICE not in last.key.text and last.key.text != DIGEST

    def digest_place(self, tree: Tree, place: Place) -> Place | None:
        """Return the place of the digest beside the tag at *place*, None if *tree* has no key for it."""
        there = self.has_place_for_digest and DIGEST in value_at(tree, place[:-1])  # type: ignore[operator]
        return (*place[:-1], DIGEST) if there else None

    def places(self, tree: Tree) -> Iterator[tuple[str, Place]]:
        """Yield every service of *tree* with the place of its tag."""
        if self.steps:
            yield from self._walk(tree, self.steps)

    def service_places(self, tree: Tree) -> Iterator[tuple[str, Place]]:
        """Yield every service of *tree* that has a tag, with the place of its whole section.

        A service comes once for each section that names it, with a tag or without one.
        """
        tagged = {service for service, _ in self.places(tree)}
        for service, place in self._walk(tree, self.steps[: self._steps_to_service]):
            if service in tagged:
                yield service, place

    def mention(self, tree: Tree, service: str) -> Place | None:
        """Return the place where *tree* names *service*, with or without a tag; None if it does not."""
        for end in range(len(self.steps), self._steps_to_service - 1, -1):
            found = (place for name, place in self._walk(tree, self.steps[:end]) if name == service)
            place = next(found, None)
            if place:
                return place
        return None

    @property
    def _steps_to_service(self) -> int:
        """Return the number of steps up to the one that names the service; if none does, up to the last list item."""
        names = [number for number, step in enumerate(self.steps, 1) if SERVICE in str(step)]
        items = [number for number, step in enumerate(self.steps, 1) if isinstance(step, ItemStep)]
        return next(iter(names + items[::-1]), len(self.steps) + 1)

    def misnamed(self, tree: Tree) -> list[str]:
        """Return what stands in *tree* where the path asks for a service, and cannot be the name of one."""
        found = _Walk({}).walk(tree, self.steps, (), "")
        return [name for name, _ in found if name and not NAME.fullmatch(name)]

    def _walk(self, tree: Tree, steps: tuple[Step, ...]) -> Iterator[tuple[str, Place]]:
        walk = _Walk({image: service for service, image in self.images})
        # The top of a tree is a list if a YAML file has several documents; all of them are looked at.
        first = steps[0] if steps else None
        starts = enumerate(tree) if isinstance(tree, list) and isinstance(first, KeyStep) else ()
        for index, document in starts:
            yield from self._mine(walk.walk(document, steps, (index,), ""))
        if not isinstance(tree, list) or not isinstance(first, KeyStep):
            yield from self._mine(walk.walk(tree, steps, (), ""))

    def _mine(self, found: Iterator[tuple[str, Place]]) -> Iterator[tuple[str, Place]]:
        for service, place in found:
            if service in ("", self.only) or (not self.only and NAME.fullmatch(service)):
                yield self.only or service, place


# Leads to no tag: for a file in which only the services with a path of their own have one.
NOWHERE = TagPath("", ())


def _parse_steps(text: str) -> tuple[Step, ...]:
    """Return the steps of *text*, () if it is not a path."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = STEP.match(text, at)
        is_key = match is not None and (match["index"] is None and match["field"] is None)
        if match is None or bool(match["dot"]) != (is_key and at > 0):
            return ()
        at = match.end()
        if is_key:
            steps.append(KeyStep(Template(match["key"] or match["double"] or match["single"])))
        elif match["index"]:
            steps.append(IndexStep(int(match["index"])))
        else:
            value = next(found for found in match.group("value", "value_double", "value_single") if found is not None)
            condition = (tuple(match["field"].split(".")), Template(value))
            before = steps[-1] if steps else None
            if isinstance(before, ItemStep):
                steps[-1] = ItemStep((*before.fields, condition))
            else:
                steps.append(ItemStep((condition,)))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk along steps, where *names* are services by the names of their images."""

    names: Mapping[str, str]

    def walk(self, tree: Tree, steps: tuple[Step, ...], place: Place, service: str) -> Iterator[tuple[str, Place]]:
        """Yield every service and place to which *steps* lead from *tree*, which is at *place*."""
        if not steps:
            yield service, place
            return
        for key, value, name in self._next(tree, steps[0]):
            yield from self.walk(value, steps[1:], (*place, *key), name or service)

    def _next(self, tree: Tree, step: Step) -> Iterator[tuple[Place, Tree, str]]:
        if isinstance(step, KeyStep) and isinstance(tree, dict):
            for key in tree if SERVICE in step.key.text else [step.key.text] if step.key.text in tree else ():
                name = step.key.service_in(key)
                if name is not None:
                    yield (key,), tree[key], name
        elif isinstance(step, IndexStep) and isinstance(tree, list) and step.index < len(tree):
            yield (step.index,), tree[step.index], ""
        elif isinstance(step, ItemStep):
            items: list[tuple[Place, Tree]] = [((), tree)]
            if isinstance(tree, list):
                items = [((index,), item) for index, item in enumerate(tree)]
            for place, item in items:
                names = [self._named(item, path, value) for path, value in step.fields]
                if None not in names:
                    yield place, item, next(filter(None, names), "")

    def _named(self, item: Tree, path: tuple[str, ...], value: Template) -> str | None:
        """Return the service that the field *path* of *item* names, "" if it has the *value* without; else None."""
        found: Tree = item
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, str):
            return None
        if SERVICE in value.text:
            # Kustomize replaces the image `name` by `newName`, which is what its registry calls it.
            new_name = item.get("newName") if isinstance(item, dict) else None
            by_image = self.names.get(found) or self.names.get(str(new_name))
            if by_image:
                return by_image
        return value.service_in(found)


def value_at(tree: Tree, place: Place) -> Tree:
    """Return the value at *place*, which must exist."""
    for step in place:
        tree = tree[step]  # type: ignore[index]
    return tree


def first_text(tree: Tree) -> Place | None:
    """Return the place of the first string in *tree*, None if there is none."""
    if isinstance(tree, str):
        return ()
    steps = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return next(((step, *found) for step in steps if (found := first_text(value_at(tree, (step,)))) is not None), None)


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
