"""Code of model families. To add a model: `registry/models.toml`; to add a library: `backends/`."""
