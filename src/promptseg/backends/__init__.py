"""Backends: one adapter per file, from a `LoadRequest` to a model that follows the protocols. They do not import one another."""
