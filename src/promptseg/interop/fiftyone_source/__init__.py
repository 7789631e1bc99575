"""Source of models for FiftyOne's zoo, which copies this folder: ``foz.register_zoo_model_source("https://github.com/OWNER/promptseg")``.

FiftyOne imports the copy by itself, so imports are absolute.
"""

from promptseg.interop.fiftyone_model import download_model, load_model, resolve_input

__all__ = ["download_model", "load_model", "resolve_input"]
