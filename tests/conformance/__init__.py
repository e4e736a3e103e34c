"""What the product assumes of GitHub, each assumption with its source, tried on any server.

`make test` tries them on the sandbox, `make conformance` on github.com or an Enterprise Server.
"""
