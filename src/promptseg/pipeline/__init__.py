"""Detect → segment → clean, composed from code or a file."""

from .builder import Pipeline as Pipeline
from .builder import segment as segment
from .runner import BuiltPipeline as BuiltPipeline
