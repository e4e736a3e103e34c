"""Name the pages of GitHub on which something is changed."""

from __future__ import annotations

from urllib.parse import quote

from actions.runner.environment import server_url


def settings(repository: str, page: str = "") -> str:
    """Return the address of a page of the settings of *repository*."""
    return f"{server_url()}/{repository}/settings{f'/{page}' if page else ''}"


def organization(owner: str, page: str) -> str:
    """Return the address of a page of the settings of the organization *owner*."""
    return f"{server_url()}/organizations/{owner}/settings/{page}"


def file(repository: str, path: str) -> str:
    """Return the address of the file at *path* on the default branch of *repository*."""
    return f"{server_url()}/{repository}/blob/HEAD/{quote(path)}"
