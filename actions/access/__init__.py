"""Who and what gets into a repository beside the pipeline: people, teams, deploy keys, Apps, bypasses, environments."""
