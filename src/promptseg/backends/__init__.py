"""Backends: one adapter per file, from a `LoadRequest` to a model that follows the protocols. They do not import one another.

A new backend also needs:

- its `BackendSpec` in ``registry/builtin_backends.py``
- its models in ``registry/models.toml``
- an extra in ``pyproject.toml``
- a file in ``tests/contract``
- a section in ``docs/reference/models.md``
"""
