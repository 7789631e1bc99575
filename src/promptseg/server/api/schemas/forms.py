"""The choice between forms of one value, such as the four ways to name an image."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Discriminator

from ..bodies import FORM


def by_key(told: str, **forms: str) -> Discriminator:
    """Return what chooses a form by a key that only it has, so that a mistake in one form is not told as a mistake in all."""

    def form_of(given: Any) -> str | None:
        keys = given if isinstance(given, dict) else given.model_fields_set if isinstance(given, BaseModel) else ()  # Read, or written.
        found = [form for key, form in forms.items() if key in keys]
        return FORM + found[0] if found else None

    return Discriminator(form_of, "form", told)
