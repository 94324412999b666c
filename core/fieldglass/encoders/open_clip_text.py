"""Where open_clip reads the shape of a Hugging Face text tower: beside the weights, else from the tensors themselves.

A repository may hold the weights of a BERT and name another one for its configuration, as BiomedCLIP's does. Files
that a user copied then lack it.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fieldglass.models.hub import Part, cached

__all__ = ["described"]

_TOWER = "text.transformer."
_LAYER = re.compile(re.escape(_TOWER) + r"encoder\.layer\.(\d+)\.")
_HEAD_WIDTH = 64


@contextmanager
def described(text: Mapping[str, Any], folder: Path | None, state: Mapping[str, Any]) -> Iterator[str]:
    """What to give open_clip as `hf_model_name`: a folder with a config.json, or the name as it is.

    The one beside the weights goes first, where it is that of a text model; then the name, where it is a folder or
    lies in the hub's cache; then the sizes of the BERT that `state` holds, in a folder for as long as this lasts.
    """
    name = str(text["hf_model_name"])
    reachable = (Path(name) / "config.json").is_file() or cached(Part(name, ("config.json",))) is not None
    if folder is not None and _is_text_model(folder / "config.json"):
        yield str(folder)
        return
    sizes = None if reachable else _bert(state)
    if sizes is None:
        yield name
        return
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "config.json").write_text(json.dumps(sizes), "utf-8")
        yield made


def _is_text_model(path: Path) -> bool:
    try:
        return "hidden_size" in json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _bert(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """The configuration of a BERT of these shapes; None where the tensors are not those of one."""
    embeddings = f"{_TOWER}embeddings."
    tables = {
        size: state.get(f"{embeddings}{name}_embeddings.weight")
        for size, name in (
            ("vocab_size", "word"),
            ("max_position_embeddings", "position"),
            ("type_vocab_size", "token_type"),
        )
    }
    hidden = state.get(f"{_TOWER}encoder.layer.0.intermediate.dense.weight")
    if hidden is None or any(each is None or each.ndim != 2 for each in tables.values()):
        return None
    width = int(tables["vocab_size"].shape[1])  # type: ignore[union-attr]
    return {
        "model_type": "bert",
        **{size: len(table) for size, table in tables.items() if table is not None},
        "hidden_size": width,
        "intermediate_size": int(hidden.shape[0]),
        "num_hidden_layers": 1 + max(int(found[1]) for name in state if (found := _LAYER.match(name))),
        "num_attention_heads": max(1, width // _HEAD_WIDTH),
    }
