"""A GitHub on the laptop: what the actions ask of GitHub, on real git and checked against GitHub's own descriptions."""
