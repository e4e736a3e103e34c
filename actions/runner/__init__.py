"""The runner: inputs, outputs, log, summary, event, time."""
