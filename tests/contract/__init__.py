"""Contract tests of `promptseg.testing.contracts` for every backend.

This folder is a package, so that its modules may have the same names as modules in other folders.
"""
