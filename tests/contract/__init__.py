"""The contracts of `promptseg.testing.contracts`, run on every backend; a package, so that modules may be named as in other folders."""
