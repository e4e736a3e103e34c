"""The Python behind the actions; each `action-*/` folder runs one module of this package."""
