"""Longer texts for a CLIP: its position table interpolated (CrossText2Loc, arXiv 2412.17007; Long-CLIP 2403.15378)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.encoders.open_clip_checkpoint import Checkpoint
from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["altered", "lengthen", "stretched"]

_TABLE = "positional_embedding"


def altered(checkpoint: Checkpoint, quick_gelu: bool | None, context: int | None, keep: int) -> Checkpoint:
    """The checkpoint with another activation or a longer context. UsageError where its text tower has no such table."""
    if quick_gelu is None and context is None and not keep:
        return checkpoint
    config = deepcopy(dict(checkpoint.config))
    if quick_gelu is not None:
        config["quick_gelu"] = quick_gelu
    if context is not None:
        own = int(config["text_cfg"].get("context_length", 77))
        if "hf_model_name" in config["text_cfg"] or config.get("custom_text"):
            raise UsageError(f"The context of {checkpoint.label} cannot be changed: its text tower is not CLIP's.")
        if context < own or not 0 <= keep < own:
            raise UsageError(f"context={context} and keep={keep} do not fit a context of {own} tokens.")
        config["text_cfg"]["context_length"] = context
    elif keep:
        raise UsageError("keep goes with context.", hint="For example --set context=248 --set keep=20.")
    # keep is part of the configuration: two ways to stretch are two spaces
    config["text_cfg"] |= {"keep_positions": keep} if keep else {}
    return replace(checkpoint, config=config)


def lengthen(model: Any, state: dict[str, Any], checkpoint: Checkpoint) -> None:
    """Stretch the table of a state dict to that of the model, in place; one of the right length stays as it is."""
    own = getattr(model, _TABLE, None)
    if own is not None and _TABLE in state and state[_TABLE].shape[0] < own.shape[0]:
        state[_TABLE] = stretched(state[_TABLE], own.shape[0], int(checkpoint.text.get("keep_positions", 0)))


def stretched(table: Tensor, length: int, keep: int = 0) -> Tensor:
    """(n, width) -> (length, width): the first `keep` rows as they are, the others by linear interpolation."""
    if table.shape[0] == length:
        return table
    torch = require("torch")
    rest = table[keep:].T[None].float()
    grown = torch.nn.functional.interpolate(rest, size=length - keep, mode="linear", align_corners=False)[0].T
    found: Tensor = torch.cat([table[:keep].float(), grown]).to(table.dtype)
    return found
