"""Annotation of many images: `promptseg.annotate`, its journal, its executors and its gallery."""
