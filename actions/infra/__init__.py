"""The infra repository: its configuration, its env files, and changes to them."""
