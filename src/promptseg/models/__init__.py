"""Engines of model families, without names or weights of models."""
