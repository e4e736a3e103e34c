"""Parse and validate `gitops.yml`; every error names its line."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import yaml

from actions.api.checks import NamedCheck
from actions.errors import ConfigError, InputError
from actions.infra.config import ATTESTED, EXISTS, HOTFIX_PREFIX, PATH, Config, Emergency, Environment
from actions.infra.env_file import EXTENSIONS
from actions.infra.formats import FormatError, yaml_format, yaml_nodes
from actions.infra.layout import ENV, ServiceLayout
from actions.infra.tag_path import SERVICE, TagPath
from actions.names import require_name
from actions.runner.inputs import REPOSITORY
from actions.tag_names import TagNames

if TYPE_CHECKING:
    from actions.infra.freeze import Window

TOP = (
    "environments", "files", "tag", "format", "digest", "services", "bots", "deployments", "adopt", "hotfix-prefix",
    "tickets", "hold", "show-held", "access",
)  # fmt: skip
SERVICE_KEYS = ("repo", "checks", "tag-format", "git-tag", "image", "attested-by", "path", "files", "shared")
CHANGE_ALL = "change-all"
# As registries name images (distribution specification), with a port.
IMAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,253}[A-Za-z0-9])?(?<!:)")
COMMIT = re.compile(r"[0-9a-f]{40}")
LONGEST_PATTERN = 200
ENVIRONMENT = ("review", "after", "soak", "freeze", "paths", "checks", "ticket", "emergency", "artifact")
DURATION = re.compile(r"(?=\d)(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,4})m)?")
ACTIONS = ("github-actions", "github-actions[bot]")
DROP = re.compile("drop")
ISSUES = re.compile("issues")
ISSUE = re.compile("issue")
RECORD = re.compile("record")
ARTIFACT = re.compile(f"{EXISTS}|{ATTESTED}")
WORKFLOW = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\.ya?ml")
FORMAT = re.compile(r"json|yaml|toml")
CHECK = re.compile(r"\S(?:.{0,198}\S)?")
PERSON = re.compile(r"(?:team/)?[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?")
# One word and a slash, because the rulesets and branch filters for `hotfixes/*` do not cover nested prefixes.
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/")


def read_config(text: str) -> Config:
    """Parse *text*; raise ConfigError with the line of an unknown key or an invalid value."""
    try:
        document = yaml_format.root(text)
    except FormatError as error:
        raise _error(str(error), error.line) from error
    return _config(document) if document else Config()


def _config(document: yaml.Node) -> Config:
    top = _mapping(document, "gitops.yml", allowed=TOP)
    environments = _optional_mapping(top, "environments")
    seen: dict[str, str] = {}
    for key in environments:
        other = seen.setdefault(key.casefold(), key)
        if other != key:
            problem = f"environments {other} and {key} are the same for GitHub, which ignores case"
            raise _error(problem, _line(environments[key]))
    extension = _matching(top["format"], "format", FORMAT, "json, yaml or toml") if "format" in top else ""
    config = Config(
        environments={
            _name("an environment", key, node): _environment(node, list(environments)[:index])
            for index, (key, node) in enumerate(environments.items())
        },
        files=_files(top["files"], extension) if "files" in top else "",
        tag=_tag(top["tag"], "tag") if "tag" in top else None,
        extension=extension,
        drop_digests="digest" in top and bool(_matching(top["digest"], "digest", DROP, "drop")),
        services=tuple(_service(key, node, extension) for key, node in _optional_mapping(top, "services").items()),
        repos={
            key: repo for key, node in _optional_mapping(top, "services").items() if (repo := _repo(node)) is not None
        },
        checks={
            key: checks
            for key, node in _optional_mapping(top, "services").items()
            if (checks := _checks(node)) is not None
        },
        tag_names={
            key: names
            for key, node in _optional_mapping(top, "services").items()
            if (names := _tag_names(node)) is not None
        },
        bots=tuple(_matching(node, "bots", LOGIN, "a login") for node in _optional_list(top, "bots")),
        deployers=_deployers(top["deployments"]) if "deployments" in top else (),
        adopt=_matching(top["adopt"], "adopt", COMMIT, "a commit, all 40 digits") if "adopt" in top else "",
        hotfix_prefix=(
            _matching(top["hotfix-prefix"], "hotfix-prefix", PREFIX, "one word and a slash, like hotfixes/")
            if "hotfix-prefix" in top
            else HOTFIX_PREFIX
        ),
        tickets=_pattern(top["tickets"], "tickets") if "tickets" in top else "",
        hold="hold" in top and bool(_matching(top["hold"], "hold", ISSUES, "issues")),
        show_held="show-held" in top and bool(_matching(top["show-held"], "show-held", ISSUE, "issue")),
        access="access" in top and bool(_matching(top["access"], "access", RECORD, "record")),
        attested_by={
            key: workflow
            for key, node in _optional_mapping(top, "services").items()
            if (workflow := _workflow(node)) is not None
        },
    )
    _require_images(environments, config)
    try:
        config.layout("envs")
    except ConfigError as error:
        raise _error(str(error).removeprefix(f"{PATH}:1: "), _line(top["tag"])) from error
    return config


def _environment(node: yaml.Node, before: list[str]) -> Environment:
    keys = _mapping(node, "an environment", allowed=ENVIRONMENT)
    review = _text(keys["review"], "review") if "review" in keys else "required"
    if review not in ("required", "none"):
        raise _error(f"review is {review!r}; it can be 'required' or 'none'", _line(keys["review"]))
    after = _text(keys["after"], "after") if "after" in keys else ""
    if after and after not in before:
        known = ", ".join(before) or "none"
        raise _error(f"after is {after!r}; it must be an environment listed above: {known}", _line(keys["after"]))
    if "soak" in keys and not after:
        raise _error("soak needs after, the environment in which a tag must run that long", _line(node))
    return Environment(
        review="none" if review == "none" else "required",
        after=after,
        soak=_duration(keys["soak"], "soak") if "soak" in keys else None,
        freeze=tuple(_window(item) for item in _optional_list(keys, "freeze")),
        paths=tuple(_path(item, "paths") for item in _optional_list(keys, "paths")),
        checks=_listed_checks(keys) if "checks" in keys else (),
        ticket=_pattern(keys["ticket"], "ticket") if "ticket" in keys else "",
        emergency=_emergency(keys["emergency"]) if "emergency" in keys else None,
        artifact=_artifact(keys["artifact"]) if "artifact" in keys else (),
    )


def _artifact(node: yaml.Node) -> tuple[str, ...]:
    items = list(node.value) if isinstance(node, yaml.SequenceNode) else [node]
    asked = tuple(_matching(item, "artifact", ARTIFACT, f"{EXISTS}, {ATTESTED}, or a list of both") for item in items)
    if not asked:
        raise _error(f"artifact is empty; it can be {EXISTS}, {ATTESTED}, or a list of both", _line(node))
    return asked


def _require_images(environments: dict[str, yaml.Node], config: Config) -> None:
    """Raise ConfigError if something is asked of images, and no service names one."""
    for env, node in environments.items():
        if config.environments[env].artifact and not any(service.image for service in config.services):
            raise _error(
                f"{env} has the rule artifact, and no service says its image; set services.<name>.image", _line(node)
            )


def _emergency(node: yaml.Node) -> Emergency:
    keys = _mapping(node, "emergency", allowed=("by", "review-within"))
    for key in ("by", "review-within"):
        if key not in keys:
            raise _error(f"emergency needs {key}", _line(node))
    listed = _optional_list(keys, "by")
    if not listed:
        raise _error("by is empty; name at least one person or team", _line(keys["by"]))
    return Emergency(
        by=tuple(_matching(item, "by", PERSON, "a login, or team/ and the name of a team") for item in listed),
        review_within=_duration(keys["review-within"], "review-within"),
    )


def _duration(node: yaml.Node, name: str) -> timedelta:
    text = _text(node, name)
    match = DURATION.fullmatch(text)
    if not match:
        raise _error(f"{name} is {text!r}; write it in days, hours and minutes, like 24h, 2d or 1h30m", _line(node))
    return timedelta(**{unit: int(number or 0) for unit, number in match.groupdict().items()})


def _window(node: yaml.Node) -> Window:
    from actions.infra.freeze import Window  # loads time zones, which only a freeze needs

    try:
        return Window.parse(_text(node, "freeze"))
    except ValueError as error:
        raise _error(str(error), _line(node)) from error


def _path(node: yaml.Node, name: str) -> str:
    text = _text(node, name)
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise _error(f"{name} is {text!r}; it must stay within the repository", _line(node))
    return str(path)


def _files(node: yaml.Node, extension: str) -> str:
    files = _path(node, "files")
    path = PurePosixPath(files)
    if path.suffix.removeprefix(".") not in EXTENSIONS and not extension:
        known = ", .".join(EXTENSIONS)
        raise _error(f"files is {files!r}; it must end in .{known}, or format must be json, yaml or toml", _line(node))
    if files.count(ENV) != 1 or files.count(SERVICE) > 1:
        raise _error(f"files is {files!r}; it must name {ENV} once, and {SERVICE} at most once", _line(node))
    return files


def _tag(node: yaml.Node, name: str) -> TagPath:
    try:
        return TagPath.parse(_text(node, name))
    except ValueError as error:
        raise _error(str(error), _line(node)) from error


def _pattern(node: yaml.Node, name: str) -> str:
    text = _text(node, name)
    try:
        finds_nothing = re.compile(text).search("") is None
    except re.error as error:
        raise _error(f"{name} is {text[:200]!r}, which is no regular expression: {error}", _line(node)) from error
    if not finds_nothing or len(text) > LONGEST_PATTERN:
        problem = f"it must be at most {LONGEST_PATTERN} characters long, and find nothing in nothing"
        raise _error(f"{name} is {text[:200]!r}; {problem}", _line(node))
    return text


def _service(name: str, node: yaml.Node, extension: str) -> ServiceLayout:
    keys = _mapping(node, "a service", allowed=SERVICE_KEYS)
    image = _matching(keys["image"], "image", IMAGE, "the name of an image") if "image" in keys else ""
    if ":" in image.rpartition("/")[2]:
        raise _error(f"image is {image}; write it without its tag", _line(keys["image"]))
    shared = _text(keys["shared"], "shared") if "shared" in keys else ""
    if shared not in ("", CHANGE_ALL):
        raise _error(f"shared is {shared!r}; it can be '{CHANGE_ALL}'", _line(keys["shared"]))
    return ServiceLayout(
        name=_name("a service", name, node),
        image=image,
        path=_tag(keys["path"], "path") if "path" in keys else None,
        files=_files(keys["files"], extension).replace(SERVICE, name) if "files" in keys else "",
        change_all=bool(shared),
    )


def _deployers(node: yaml.Node) -> tuple[str, ...]:
    listed = _optional_list(_mapping(node, "deployments", allowed=("by",)), "by")
    logins = tuple(_matching(item, "by", LOGIN, "the name of an App") for item in listed)
    for item, login in zip(listed, logins, strict=True):
        if login.casefold() in ACTIONS:
            raise _error(
                f"by names {login}, which is every workflow of every branch; name an App of your own", _line(item)
            )
    return logins


def _checks(node: yaml.Node) -> tuple[NamedCheck, ...] | None:
    """Return the checks that a service names, () for `none`, None if it does not say."""
    keys = _mapping(node, "a service", allowed=SERVICE_KEYS)
    if "checks" not in keys:
        return None
    if isinstance(keys["checks"], yaml.ScalarNode) and keys["checks"].value == "none":
        return ()
    return _listed_checks(keys, or_none=", or say none")


def _listed_checks(keys: dict[str, yaml.Node], *, or_none: str = "") -> tuple[NamedCheck, ...]:
    listed = _optional_list(keys, "checks")
    if not listed:
        raise _error(f"checks is empty; name at least one{or_none}", _line(keys["checks"]))
    return tuple(map(_check, listed))


def _check(node: yaml.Node) -> NamedCheck:
    if isinstance(node, yaml.ScalarNode):
        return NamedCheck(_matching(node, "checks", CHECK, "the name of a check"))
    keys = _mapping(node, "a check", allowed=("name", "by"))
    for key in ("name", "by"):
        if key not in keys:
            raise _error(f"a check needs {key}", _line(node))
    return NamedCheck(
        name=_matching(keys["name"], "name", CHECK, "the name of a check"),
        by=_matching(keys["by"], "by", LOGIN, "the name of an App or an account"),
    )


def _workflow(node: yaml.Node) -> str | None:
    keys = _mapping(node, "a service", allowed=SERVICE_KEYS)
    if "attested-by" not in keys:
        return None
    return _matching(keys["attested-by"], "attested-by", WORKFLOW, "the name of a workflow file, like publish.yml")


def _tag_names(node: yaml.Node) -> TagNames | None:
    keys = _mapping(node, "a service", allowed=SERVICE_KEYS)
    given = {key: _text(keys[key], key) for key in ("tag-format", "git-tag") if key in keys}
    if not given:
        return None
    try:
        return TagNames.parse(given.get("tag-format", ""), given.get("git-tag", ""))
    except ValueError as error:
        raise _error(str(error), _line(keys[next(iter(given))])) from error


def _repo(node: yaml.Node) -> str | None:
    keys = _mapping(node, "a service", allowed=SERVICE_KEYS)
    if "repo" not in keys:
        return None
    repo = _text(keys["repo"], "repo")
    if repo == "none":
        return ""
    return _matching(keys["repo"], "repo", REPOSITORY, "owner/name, or none")


def _name(kind: str, name: str, node: yaml.Node) -> str:
    try:
        return require_name(kind, name)
    except InputError as error:
        raise _error(str(error), _line(node)) from error


def _optional_mapping(parent: dict[str, yaml.Node], key: str) -> dict[str, yaml.Node]:
    return _mapping(parent[key], key) if key in parent else {}


def _mapping(node: yaml.Node, name: str, *, allowed: tuple[str, ...] = ()) -> dict[str, yaml.Node]:
    """Return the values of *node* by key; an empty value, as in `prod:`, is a mapping without keys."""
    if node.tag == yaml_nodes.NULL:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _error(f"{name} must be a mapping of keys to values", _line(node))
    for key, _ in node.value:
        if allowed and key.value not in allowed:
            raise _error(f"unknown key '{key.value}' of {name}; known: {', '.join(allowed)}", _line(key))
    return {key.value: value for key, value in node.value}


def _optional_list(parent: dict[str, yaml.Node], key: str) -> list[yaml.Node]:
    node = parent.get(key)
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise _error(f"{key} must be a list", _line(node))
    return list(node.value)


def _matching(node: yaml.Node, name: str, pattern: re.Pattern[str], form: str) -> str:
    text = _text(node, name)
    if not pattern.fullmatch(text):
        raise _error(f"{name} is {text[:200]!r}; write it as {form}", _line(node))
    return text


def _text(node: yaml.Node, name: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _error(f"{name} must be a string", _line(node))
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error(message: str, line: int) -> ConfigError:
    return ConfigError(f"{PATH}:{line}: {message}", file=PATH, line=line)
