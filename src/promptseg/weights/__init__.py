"""Weights of models: where they are kept and where they come from."""
