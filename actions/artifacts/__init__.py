"""Ask what there is of an artifact, and where it came from: the registry, and `gh attestation verify`."""
