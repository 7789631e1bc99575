"""``python -m promptseg``: the command line, where the environment's scripts are not on the path."""

from .cli import main

main()
