"""`SessionDisplay`: what the sessions of promptseg inherit, so that they show their image in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .._display import Displayed

if TYPE_CHECKING:
    from ..protocols import Session
    from .views import View


class SessionDisplay(Displayed):
    """Base of sessions that show their image in a notebook. A session of your own may inherit it, and need not.

    It uses what every `promptseg.protocols.Session` has: ``image``, ``size``, ``provenance`` and ``timings``.
    """

    __slots__ = ()

    def _summary(self) -> str:
        session = cast("Session", self)
        spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in session.timings.items())
        height, width = session.size
        return f"{width} wide, {height} high, {session.provenance.model}" + (f", {spent}" if spent else "")

    def _view(self) -> View:
        from .views import of_session

        return of_session(cast("Session", self))
