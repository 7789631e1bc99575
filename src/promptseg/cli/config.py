"""``promptseg config``: help for writing pipeline files."""

from __future__ import annotations

import json

import typer

from ..pipeline.config import json_schema
from .help_text import Command

app = typer.Typer(no_args_is_help=True, help="Help for writing pipeline files.", rich_markup_mode=None)


@app.callback()
def config() -> None:
    """Help for writing pipeline files."""


@app.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema of pipeline files, with which editors complete and check them."""
    typer.echo(json.dumps(json_schema(), indent=1))
