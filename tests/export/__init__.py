"""The export; a package, so that modules may be named as those of other folders."""
