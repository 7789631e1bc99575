"""Formats of annotated images, one a file: each reads into `promptseg.datasets.core` and writes from it."""
