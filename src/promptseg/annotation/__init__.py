"""From photos to a dataset: `promptseg.annotate`, its journal, its engines and its gallery."""
