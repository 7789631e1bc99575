"""`Displayed`: base of the values that show themselves, in a notebook, in a window or as one line of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .notebook.views import View


class Displayed(ABC):
    """Base of values with a short `repr`, with an image and a table in a notebook, and with `show`.

    Notebooks call the methods ``_repr_html_`` and ``_repr_png_``. None of them raises: what cannot be shown is left out.
    """

    __slots__ = ()

    @abstractmethod
    def _summary(self) -> str:
        """Return what stands between the parentheses of the `repr`."""

    @abstractmethod
    def _view(self) -> View:
        """Return what is shown."""

    def __repr__(self) -> str:
        try:
            return f"{type(self).__name__}({self._summary()})"
        except Exception:  # A value with fields of another kind is shown in an error's message, too.
            return object.__repr__(self)

    def _repr_html_(self) -> str | None:
        from .notebook.html import html_of

        return html_of(self)

    def _repr_png_(self) -> bytes | None:
        from .notebook.html import png_of

        return png_of(self)

    def show(self) -> None:
        """Show this in the notebook, or else in the system's image viewer.

        Without a notebook and a screen, the image is written to a temporary file, whose path is printed.

        Raises:
            InputError: There is nothing to draw.
            OutputError: The temporary file cannot be written.
        """
        from .notebook.window import show

        show(self)
