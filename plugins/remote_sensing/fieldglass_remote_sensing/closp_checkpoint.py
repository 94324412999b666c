"""The layout of CLOSP and GeoCLOSP checkpoints (arXiv 2507.10403), and their text tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models import weights
from fieldglass.models.carriers import carried
from fieldglass_remote_sensing.towers import is_transformer, part

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["TextTower", "parts_of", "read"]

_PARTS = ("s1_encoder.", "s2_encoder.", "s1_projection.", "s2_projection.", "text_model.")
_PLACE = ("location_encoder.", "location_projection.")
_UNUSED = ("logit_scale", "scale", "text_model.embeddings.position_ids")
_WRAPPERS = ("model.", "closp.", "_orig_mod.")
_TOKENS = 64
_HEAD_WIDTH = 32  # of MiniLM: 12 heads of 384
_BATCH = 64


def read(path: Path) -> dict[str, Any]:
    """The tensors of a checkpoint by their official names, without a prefix that a trainer put before all of them.

    WeightsError where parts are missing, or tensors belong to no part.
    """
    state = weights.read(path)
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            state = part(state, wrapper)
    lacking = [each for each in _PARTS if not any(name.startswith(each) for name in state)]
    if lacking:
        tower = "conv1.weight" in state or "patch_embed.proj.weight" in state
        raise WeightsError(
            f"{path} is not a checkpoint of CLOSP: it lacks {', '.join(each.rstrip('.') for each in lacking)}.",
            hint="It is one visual tower, which knows no text: use it with rs/backbone."
            if tower
            else "Give the model.safetensors of CLOSP-RN, -VS, -VL or GeoCLOSP-RN.",
        )
    located = [each for each in _PLACE if any(name.startswith(each) for name in state)]
    if len(located) == 1:
        raise WeightsError(f"{path} has a {located[0].rstrip('.')} without its other half.")
    extra = [name for name in state if not name.startswith((*_PARTS, *_PLACE)) and name not in _UNUSED]
    if extra:
        raise WeightsError(f"{path} is not a checkpoint of CLOSP: it has {', '.join(extra[:4])} besides.")
    return {name: value for name, value in state.items() if name not in _UNUSED}


def parts_of(state: Mapping[str, Any], path: Path) -> tuple[int, dict[str, bool], bool]:
    """The width of the space, whether each tower is a ViT, and whether places are encoded."""
    widths = {
        name: tuple(state[f"{name}.weight"].shape)
        for name in ("s1_projection", "s2_projection", "location_projection")
        if f"{name}.weight" in state
    }
    dims = {shape[0] for shape in widths.values()}
    text = state.get("text_model.embeddings.word_embeddings.weight")
    if len(dims) != 1 or text is None or text.shape[1] not in dims:
        raise WeightsError(f"{path}: its projections end in different widths: {widths}.")
    transformers = {name: is_transformer(part(state, f"{name}_encoder.")) for name in ("s1", "s2")}
    return dims.pop(), transformers, "location_projection" in widths


class TextTower:
    """all-MiniLM-L6-v2 as CLOSP uses it: the last hidden state of token 0, 64 tokens, not projected."""

    def __init__(self, state: Mapping[str, Any], path: Path, device: str) -> None:
        transformers = require("transformers")
        tensors = part(state, "text_model.")
        embeddings = {
            name: tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        }
        width = embeddings["word"].shape[1]
        layers = len({name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")})
        if not layers or width % _HEAD_WIDTH:
            raise WeightsError(f"{path}: its text model is no MiniLM: {layers} layers of width {width}.")
        self._tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(carried("tokenizer.json")), pad_token="[PAD]"
        )
        words = embeddings["word"].shape[0]
        if len(self._tokenizer) != words:
            raise WeightsError(f"{path}: its text model has {words} words, MiniLM's tokenizer {len(self._tokenizer)}.")
        config = transformers.BertConfig(
            vocab_size=words,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=width // _HEAD_WIDTH,
            intermediate_size=tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
            max_position_embeddings=embeddings["position"].shape[0],
            type_vocab_size=embeddings["token_type"].shape[0],
        )
        self._model = transformers.BertModel(config, add_pooling_layer=False).eval()
        weights.fit(self._model, tensors, path, "the text model of CLOSP", ignore=("pooler.",))
        self._model.to(device)
        self._device = device

    @property
    def model(self) -> Any:
        """The BertModel, without pooler."""
        return self._model

    def __call__(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, width) float32, not normalised."""
        torch = require("torch")
        pieces = (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))
        result: F32 = torch.cat([self.states(piece) for piece in pieces]).cpu().numpy()
        return result

    def states(self, texts: Sequence[str]) -> Any:
        """(n,) str -> (n, width) float32 tensor on the model's device, with its gradients; n is one batch."""
        batch = self._tokenizer(
            list(texts), return_tensors="pt", padding="max_length", truncation=True, max_length=_TOKENS
        ).to(self._device)
        return self._model(**batch).last_hidden_state[:, 0].float()
