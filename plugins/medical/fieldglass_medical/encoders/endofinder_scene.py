"""`med/endofinder-scene`: EndoFinder's follow-up (arXiv 2507.17323), one vector for all views of a polyp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.once import Once
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.files import weight_file
from fieldglass.types import Prepared, Sample
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display, accepted, sections
from fieldglass_medical.encoders.endofinder import BESIDE, MEAN, STD
from fieldglass_medical.encoders.transformer import build, geometry, unit

if TYPE_CHECKING:
    from pathlib import Path

    from fieldglass.types import F32

__all__ = ["EndoFinderScene"]

_PIECE = 4
_TOWERS = {"image": "scene", "clip": "scene"}
_SCENE = ("scene_token", "scene_transform.")
_HEADS = 16


class EndoFinderScene:
    """Every view by EndoFinder's ViT-L/16; one attention layer over a scene token and their class tokens; unit, 1024.

    `weights` is EndoFinder_Scene.pth, which its authors have not published yet. A clip is a scene of at most `views`
    of its frames, evenly spaced, and a picture a scene of one; their order does not matter. `hash` stores the signs
    alone. `resize_mode` and `window` as in `med/endofinder`. Errors come at construction.
    """

    name = "med/endofinder-scene"
    rows = 1

    def __init__(
        self,
        *,
        weights: str = "",
        views: int = 16,
        hash: bool = False,
        resize_mode: str = "squash",
        window: str = "soft",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights, and none are published yet.",
                hint="github.com/ku262/EndoFinder-Scene announces them; then --weights EndoFinder_Scene.pth.",
            )
        if views < 1:
            raise UsageError(f"views={views}: a scene is at least one view.")
        path = weight_file(weights, self.name, ("EndoFinder_Scene.pth", "model.safetensors"))
        state = {name: each for name, each in weight_files.read(path).items() if not name.startswith(BESIDE)}
        views_of = {name: each for name, each in state.items() if not name.startswith(_SCENE)}
        size, _ = geometry(views_of, path, "EndoFinder-Scene")
        vit = build(views_of, path, "EndoFinder-Scene")
        self.dim, self._views, self._hash = int(vit.num_features), views, hash
        scene = _scene({name: each for name, each in state.items() if name.startswith(_SCENE)}, self.dim, path)
        self._preprocess = Preprocess((size, size), (size, size), MEAN, STD, "bilinear", resize_mode)
        self._display, self._placement = Display(window), place(device, precision)
        self.device, self.pixels = self._placement.device, size
        self._models = Once(lambda: (vit.to(self.device), scene.to(self.device)))
        self.accepts = accepted(_TOWERS)
        self.dtype = "bits" if hash else "f32"
        parts = {"window": window, "hash": hash, "views": views}
        self.fingerprint, self.options = kept(
            self.name, weights, path, self._placement, {**parts, "resize_mode": resize_mode},
            preprocess=self._preprocess.digest(), **parts,
        )  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """(views, size, size, 3) uint8; one view of an image."""
        if sample.kind not in _TOWERS:
            raise UsageError(f"{self.name} takes images, and clips as scenes, not {sample.kind}.")
        self._display.check(sample, self.name)
        content = sample.content if sample.kind == "clip" else sample.content[None]
        masks = [None] * len(content) if sample.mask is None else sample.mask.reshape(content.shape[:-1])
        shown = (
            self._display.render(content[at], sample.units, masks[at]) for at in sections(len(content), self._views)
        )
        return Prepared(np.stack([self._preprocess(Sample("image", each), self.name) for each in shown]), "scene")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit; of a hash +-1/sqrt(dim)."""
        torch, (vit, scene) = require("torch"), self._models()
        frames = [Prepared(frame, "image") for each in batch for frame in each.content]
        seen, found = [], []
        for piece in self._placement.pieces(frames, _PIECE):
            with self._placement.inference():
                seen.append(vit.forward_features(self._preprocess.batch(piece, self.device))[:, 0])
        for views in torch.cat(seen).split([len(each.content) for each in batch]):
            with self._placement.inference():
                found.append(_joined(scene, views).float().cpu().numpy())
        vectors = unit(np.stack(found))[:, None]
        if not self._hash:
            return vectors
        size = np.float32(1 / np.sqrt(self.dim))
        return np.where(vectors >= 0, size, -size).astype(np.float32)


def _scene(state: Mapping[str, Any], width: int, path: Path) -> Any:
    """The layer over views with its tensors. WeightsError names what does not fit."""
    nn, entry = require("torch").nn, state.get("scene_transform.layers.0.1.fn.net.0.weight")
    if entry is None:
        raise WeightsError(
            f"{path} is not a checkpoint of EndoFinder-Scene: it has no layer over views.",
            hint="A file of EndoFinder itself goes with --encoder endofinder.",
        )
    hidden = int(entry.shape[0])
    with require("torch").random.fork_rng(devices=[]):
        made, attention, forward = nn.Module(), nn.Module(), nn.Module()
        attention.norm, attention.fn = nn.LayerNorm(width), nn.Module()
        attention.fn.to_qkv = nn.Linear(width, 3 * width, bias=False)
        attention.fn.to_out = nn.Sequential(nn.Linear(width, width))
        forward.norm, forward.fn = nn.LayerNorm(width), nn.Module()
        forward.fn.net = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, width))
        made.scene_token = nn.Parameter(require("torch").zeros(1, 1, width))
        made.scene_transform = nn.Module()
        made.scene_transform.layers = nn.ModuleList([nn.ModuleList([attention, forward])])
    weight_files.fit(made, state, path, "EndoFinder-Scene")
    return made


def _joined(scene: Any, views: Any) -> Any:
    """(n, dim) class tokens -> (dim,): the scene token after the layer; there are no positions."""
    torch, (attention, forward) = require("torch"), scene.scene_transform.layers[0]
    states = torch.cat([scene.scene_token[0], views])
    heads = _HEADS if states.shape[-1] % _HEADS == 0 else 1
    query, key, value = (
        each.unflatten(-1, (heads, -1)).transpose(0, 1)
        for each in attention.fn.to_qkv(attention.norm(states)).chunk(3, dim=-1)
    )
    seen = torch.nn.functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]
    states = states + attention.fn.to_out(seen.transpose(0, 1).flatten(1))
    return (states + forward.fn.net(forward.norm(states)))[0]
