"""What a sandbox is filled with: a description of an organization, and how two checkouts are read as one."""
