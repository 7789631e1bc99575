"""Help of the commands, and their messages about wrong usage.

An argument is shown by its name alone, as an option is by its metavar.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from . import wrong_usage


class Command(TyperCommand):
    """Command whose help shows ``IMAGE...`` for an argument, and not the Python type that typer adds, such as ``<list[str]>``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the name of the command. An error of the parser gets a more complete message."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            wrong_usage.complete(error, self, ctx)
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - The signature is typer's.
        """Return the parts of the usage line after the name of the command."""
        arguments = (param for param in self.params if param.param_type_name == "argument")
        names = ((param.metavar or str(param.name).upper()) + ("..." if param.nargs != 1 else "") for param in arguments)
        return [self.options_metavar or "", *names]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the arguments and options."""
        for param in self.params:
            if param.param_type_name == "argument":
                setattr(param, "display_type_rich", lambda ctx: None)  # noqa: ARG005, B010 - Older versions of typer lack the method.
        super().format_options(ctx, formatter)
