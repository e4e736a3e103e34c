"""A proposed change: settings, plan, description, merge."""
