"""Pipelines of the stages detect, segment and clean, composed in code or in a file."""

from .builder import Pipeline as Pipeline
from .builder import segment as segment
from .runner import BuiltPipeline as BuiltPipeline
