"""The GraphQL API: GitHub's own schema, executed over what the sandbox knows.

A class here is a type of the schema, and its methods are the fields, named as the schema names them. A field that the
schema has and the class has not is an error, never null: what is not modelled must not look like an answer.
"""
