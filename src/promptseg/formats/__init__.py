"""Annotated images in the formats of others: one module a format, each reading into `promptseg.formats.annotated`."""
