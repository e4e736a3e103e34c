"""Reads `gitops.yml`: every key known, every value of its type, every complaint with its line."""

from __future__ import annotations

from pathlib import PurePosixPath

import yaml

from actions.config import PATH, REPOSITORY, Config, Environment
from actions.envfile import EXTENSIONS
from actions.errors import ConfigError, InputError
from actions.formats import FormatError, yaml_format
from actions.layout import ENV, require_name
from actions.tagpath import SERVICE, TagPath


def read(text: str) -> Config:
    """Return what *text* says; raise ConfigError with the line if that is not what `gitops.yml` can say."""
    try:
        yaml_format.load(text)
        document = yaml_format.root(text)
    except FormatError as error:
        raise _error(str(error), error.line) from error
    return _config(document) if document else Config()


def _config(document: yaml.Node) -> Config:
    top = _mapping(document, "gitops.yml", allowed=("environments", "files", "tag", "services"))
    config = Config(
        environments={
            _name("an environment", key, node): _environment(node)
            for key, node in _optional_mapping(top, "environments").items()
        },
        files=_files(top["files"]) if "files" in top else "",
        tag=_tag(top["tag"]) if "tag" in top else None,
        repos={
            _name("a service", key, node): repo
            for key, node in _optional_mapping(top, "services").items()
            if (repo := _repo(node))
        },
    )
    layout = config.layout("envs")
    if layout.per_service == layout.tag_path.names_service:
        node = top.get("tag", top.get("files", document))
        raise _error(f"the service must stand in 'files' or in 'tag', as {SERVICE}, and not in both", _line(node))
    return config


def _environment(node: yaml.Node) -> Environment:
    keys = _mapping(node, "an environment", allowed=("review",))
    review = _text(keys["review"], "review") if "review" in keys else "required"
    if review == "none":
        return Environment(review="none")
    if review == "required":
        return Environment()
    raise _error(f"review is {review!r}; it can be 'required' or 'none'", _line(keys["review"]))


def _files(node: yaml.Node) -> str:
    files = _text(node, "files")
    path = PurePosixPath(files)
    if path.is_absolute() or ".." in path.parts:
        raise _error(f"files is {files!r}; it must stay within the repository", _line(node))
    if path.suffix.removeprefix(".") not in EXTENSIONS:
        raise _error(f"files is {files!r}; it must end in .{', .'.join(EXTENSIONS)}", _line(node))
    if files.count(ENV) != 1 or files.count(SERVICE) > 1:
        raise _error(f"files is {files!r}; it must name {ENV} once, and {SERVICE} at most once", _line(node))
    return str(path)


def _tag(node: yaml.Node) -> TagPath:
    try:
        return TagPath.parse(_text(node, "tag"))
    except ValueError as error:
        raise _error(str(error), _line(node)) from error


def _repo(node: yaml.Node) -> str:
    keys = _mapping(node, "a service", allowed=("repo",))
    repo = _text(keys["repo"], "repo") if "repo" in keys else ""
    if repo and not REPOSITORY.fullmatch(repo):
        raise _error(f"repo is {repo!r}; write it as owner/name", _line(keys["repo"]))
    return repo


def _name(kind: str, name: str, node: yaml.Node) -> str:
    try:
        return require_name(kind, name)
    except InputError as error:
        raise _error(str(error), _line(node)) from error


def _optional_mapping(parent: dict[str, yaml.Node], key: str) -> dict[str, yaml.Node]:
    return _mapping(parent[key], key) if key in parent else {}


def _mapping(node: yaml.Node, what: str, *, allowed: tuple[str, ...] = ()) -> dict[str, yaml.Node]:
    """Return the keys of *node*; nothing at all, as in `prod:`, is a mapping without any."""
    if node.tag == yaml_format.NULL:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _error(f"{what} must be a mapping of keys to values", _line(node))
    for key, _ in node.value:
        if allowed and key.value not in allowed:
            raise _error(f"unknown key '{key.value}' of {what}; known: {', '.join(allowed)}", _line(key))
    return {key.value: value for key, value in node.value}


def _text(node: yaml.Node, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _error(f"{what} must be a text", _line(node))
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error(message: str, line: int) -> ConfigError:
    return ConfigError(f"{PATH}:{line}: {message}", file=PATH, line=line)
