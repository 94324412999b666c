"""What is private stays on this machine, unless its owner says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.llm.client import LanguageModel
    from fieldglass.types import GalleryView

__all__ = ["guard"]


def guard(gallery: GalleryView, model: LanguageModel, *, allowed: bool = False) -> bool:
    """Whether the gallery is private; call it before anything of a gallery goes to a model.

    UsageError where a private one (its loader says so: studies of patients) would be sent to another machine and
    its owner has not `allowed` it. A caller keeps no answer about a private gallery.
    """
    private = bool(getattr(gallery, "private", False))
    if private and not model.local and not allowed:
        raise UsageError(
            f"This collection is private, and {model.url} is another machine: its pictures and captions stay here.",
            hint="Take a language model on this machine (http://127.0.0.1:...), or, where those whom the pictures "
            "show have agreed, send them with the option llm_private=true.",
        )
    return private
