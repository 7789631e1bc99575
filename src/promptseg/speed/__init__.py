"""Speed of models on this machine: measured by `bench`, and kept for `promptseg models` and `Pipeline.plan`."""

from .measuring import bench as bench
