"""Help of the commands, and their messages about wrong usage.

An argument is shown by its name alone, as an option is by its metavar.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from . import wrong_usage


def _usage(argument: Any) -> str:
    """Return an argument as the usage line shows it: in brackets if it may be left out, with dots if it may be repeated."""
    name = argument.metavar or str(argument.name).upper()
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs != 1 else "")


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
        return [self.options_metavar or "", *map(_usage, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of the arguments and options."""
        for param in self.params:
            if param.param_type_name == "argument":
                setattr(param, "display_type_rich", lambda ctx: None)  # noqa: ARG005, B010 - Older versions of typer lack the method.
        super().format_options(ctx, formatter)
