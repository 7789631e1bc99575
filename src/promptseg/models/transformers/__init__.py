"""Engines on models of transformers, and the loading that they share. Nothing is fetched from a hub: models are read from local folders."""
