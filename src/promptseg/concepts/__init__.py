"""Concepts by example: every instance of what examples show, with any segmenter. See `promptseg.concepts.exemplar`."""
