"""Entry point of ``python -m promptseg``: the command line without a script on the path."""

from .cli import main

main()
