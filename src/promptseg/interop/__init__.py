"""Masks as the values of other libraries. Each library is a module of its own here, and is imported when its function is called."""
