"""What an auditor asks of every change of an environment: collected, judged, chained, and shown."""
