"""Messages about options that the command line parser refuses: with the value, what was expected, and where an option belongs."""

from __future__ import annotations

from typing import Any

from ..errors import shown

_EXPECTED = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number"}


def complete(error: Any, command: Any, context: Any) -> None:
    """Complete the message of an error of the parser, in place.

    Typer brings a copy of click or uses the package, by its version. So an error is known by its attributes, and not by its class.

    Args:
        error: The error.
        command: The command that was called.
        context: The context of the command. Its parent has the other commands.
    """
    if not isinstance(getattr(error, "message", None), str):
        return
    option = getattr(error, "option_name", None)
    if hasattr(error, "possibilities"):
        if owners := _commands_with(option, context):
            error.message += f". It is an option of {owners}"
            error.possibilities = None
    elif option is not None:
        form = next((param.metavar for param in command.params if option in param.opts), None)
        error.message = f"{error.message.removesuffix('.')}{f', such as {form}' if form else ''}: give it after the option"
    elif callable(details := getattr(error.__cause__, "errors", None)):
        detail = details()[0]
        if expected := _EXPECTED.get(detail["type"]):
            error.message = f"expected {expected}, got {shown(detail['input'])}"


def _commands_with(option: Any, context: Any) -> str:
    """Return the commands beside the called one that have an option, such as ``"promptseg annotate and segment"``; empty for none."""
    if context.parent is None:
        return ""
    path, commands = context.parent.command_path, context.parent.command.commands
    names = [name for name, each in commands.items() if any(option in param.opts + param.secondary_opts for param in each.params)]
    *first, last = names or [""]
    return f"{path} {', '.join(first)}{' and ' if first else ''}{last}" if names else ""
