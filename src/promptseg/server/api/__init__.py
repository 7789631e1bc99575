"""The server's own API under ``/v1``, described by ``/v1/openapi.json``."""
