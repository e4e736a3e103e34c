"""Read `gitops.yml`, which is optional."""

from __future__ import annotations

from actions.infra.config import Config


def parse_config(text: str) -> Config:
    """Parse *text*; raise ConfigError with the line of an unknown key or an invalid value."""
    if not text.strip():
        return Config()
    from actions.infra.config_reader import read_config  # loads YAML, which a repository without the file need not pay

    return read_config(text)
