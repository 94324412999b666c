"""The recipe `rs/closp` (arXiv 2507.10403): towers for radar and optical scenes that meet in what is said of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import LoaderError, UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.options import parse
from fieldglass.training import Plan, Position, shuffled
from fieldglass_remote_sensing.closp_parts import assembled
from fieldglass_remote_sensing.training_pictures import Pictures, ahead, flipped
from fieldglass_remote_sensing.training_scenes import Captioned, gathered, held_apart, read_captions

__all__ = ["ClospRecipe"]

_SENSORS = ("s1", "s2")
_KEPT = 100_000  # vectors of captions
_NUMBER = {"s1": 1, "s2": 2}


class ClospRecipe:
    """Symmetric cross-entropy between pictures and captions, in batches of one sensor each; their mean is the loss.

    No picture of one sensor is ever compared with one of the other: the captions are the bridge. With GeoCLOSP's
    `location` each batch has a second term, pictures against places. An epoch is one pass over the sensor that has
    more scenes; the other begins again. Weights are in the layout of the official checkpoints, which the encoder
    `rs/closp` reads. The defaults of lr, schedule, batch and scale are the authors'; they start from trained towers.

    :param scenes: folders and files that `rs/scenes` reads, or collections; Sentinel-1 and Sentinel-2 in any mixture.
    :param captions: a table with the columns id and caption, or id and labels (a set, separated by ";", of which the
        lower-cased, sorted names are joined by ". "); the id is that of a tile, or of a scene for all of its tiles.
    :param column: of collections, where `captions` says nothing; "labels" is read as a set.
    :param loader_options: for folders, "size=128 overlap=0".
    :param begin: a checkpoint of CLOSP or GeoCLOSP to go on from, file or folder; else `s1_weights` and `s2_weights`,
        files of SSL4EO-S12 and the like, or new towers of the kind `tower`. The text model is MiniLM.
    :param freeze: "pretrained" trains what comes from no file, and the projections; "text" all but the text model;
        "none" everything. The location network is never trained.
    :param location: the location network of SatCLIP (a checkpoint), for GeoCLOSP.
    :param size: pixels that scenes are resized to; 224 for a ViT.
    :param held_out: the share of scenes that the loss is validated on; with 0, or where those apart have one caption
        in common, the last weights are kept.
    :param same: what equal captions of a batch are to one another: "negatives" (as the authors), or "positives".
    :param memory: megabytes of scenes that are kept in memory.
    """

    name, weights = "rs/closp", "model.safetensors"

    def __init__(
        self,
        *,
        scenes: tuple[str, ...],
        captions: str = "",
        column: str = "caption",
        loader_options: str = "",
        begin: str = "",
        s1_weights: str = "",
        s2_weights: str = "",
        tower: Literal["resnet50", "resnet-tiny", "vit-tiny", "vit-small", "vit-large"] = "resnet50",
        freeze: Literal["pretrained", "text", "none"] = "pretrained",
        location: str = "",
        sh_variant: Literal["legacy_pi", "orthonormal"] = "legacy_pi",
        size: int = 224,
        scale: float = 1.0,
        same: Literal["negatives", "positives"] = "negatives",
        epochs: int = 30,
        patience: int = 0,
        batch: int = 64,
        lr: float = 1e-6,
        weight_decay: float = 0.01,
        held_out: float = 0.1,
        precision: Literal["fp32", "bf16"] = "fp32",
        memory: int = 2000,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not 0 <= held_out < 1 or batch < 2 or lr <= 0 or scale <= 0 or size < 32:
            raise UsageError(
                "rs/closp: held_out lies in [0, 1), batch is 2 at least, size 32, lr and scale are above 0."
            )
        self.torch = require("torch")
        self.parts = assembled(tower, begin, {"s1": s1_weights, "s2": s2_weights}, location, sh_variant, size, device)
        said = read_captions(Path(captions).expanduser()) if captions else {}
        options = parse(tuple(shlex.split(loader_options)))
        given = gathered(scenes, said, column, options, placed=self.parts.place is not None)
        self._enough(given.found, given.left_out, begin)
        parts = {sensor: held_apart(given.found[sensor], held_out, seed) for sensor in _SENSORS}
        self.training = {sensor: apart[0] for sensor, apart in parts.items() if apart[0]}
        self.held = {
            sensor: apart[1] for sensor, apart in parts.items() if len({each.caption for each in apart[1]}) > 1
        }
        frozen = {"pretrained": self.parts.pretrained, "text": {"text_model"}, "none": set[str]()}[freeze]
        used = {name for name in self.parts.modules if name[:2] not in _SENSORS or name[:2] in self.training}
        trained = {name: each for name, each in self.parts.modules.items() if name in used - frozen}
        for name, each in self.parts.modules.items():
            each.requires_grad_(name in trained).train(name in trained)
        self.module = self.torch.nn.ModuleDict(trained)
        self.pictures = Pictures(size, memory << 20)
        self.batch, self.seed, self.scale, self.device = batch, seed, scale, device
        self.positives = same == "positives"
        self.lr, self.weight_decay = lr, weight_decay
        self.per_epoch = max(max(1, len(each) // batch) for each in self.training.values())
        self.plan = Plan(
            epochs, self.per_epoch, "validation loss" if self.held else "", "min", patience, precision=precision
        )
        files = {"begin": begin, "s1": s1_weights, "s2": s2_weights, "location": location}
        self.fingerprint = fingerprint(
            self.name, scenes=given.digest, files={name: _digest(each) for name, each in files.items() if each}
        )
        self.summary = self._summary(given.left_out, sorted(trained))
        self.said: dict[str, Any] = {}

    def batches(self, epoch: int, start: int) -> Iterator[dict[str, tuple[Any, list[str], Any]]]:
        """By sensor: (n, bands, size, size) float32, captions, (n, 2) latitude and longitude."""
        return ahead(self._batch(epoch, number) for number in range(start, self.per_epoch))

    def loss(self, batch: Mapping[str, tuple[Any, list[str], Any]], at: Position) -> Mapping[str, Any]:
        """The mean of the terms, and each: "s1", "s2", with places "s1 place", "s2 place"."""
        terms: dict[str, Any] = {}
        for sensor, (pixels, captions, places) in batch.items():
            pictures = self._pictures(sensor, pixels)
            terms[sensor] = self._contrast(pictures, self._texts(captions), captions)
            if self.parts.place is not None:
                projected = self.parts.modules["location_projection"](self._located(places))
                terms[f"{sensor} place"] = self._contrast(pictures, projected, None)
        return {"loss": sum(terms.values()) / len(terms), **terms}

    def optimiser(self) -> Any:
        """AdamW, as the authors have it."""
        return self.torch.optim.AdamW(self.module.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def schedule(self, optimiser: Any) -> Any:
        """OneCycle: up for a tenth of all steps from a millionth of `lr`, then down, as the authors have it."""
        steps = self.plan.epochs * self.per_epoch
        return self.torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=self.lr, total_steps=steps + 1, pct_start=0.1, div_factor=1e6
        )

    def validate(self) -> Mapping[str, float]:
        """The loss of what is kept apart, and by sensor the share of captions whose own picture is nearest."""
        losses, right = [], {}
        for sensor, scenes in self.held.items():
            hits = count = 0
            for first in range(0, len(scenes), self.batch):
                pixels, captions, places = self._loaded(scenes[first : first + self.batch], None)
                losses.append(float(self.loss({sensor: (pixels, captions, places)}, Position())["loss"]))
                nearest = (_unit(self._texts(captions)) @ _unit(self._pictures(sensor, pixels)).T).argmax(dim=1)
                hits += sum(captions[int(found)] == caption for found, caption in zip(nearest, captions, strict=True))
                count += len(captions)
            right[f"{sensor} R@1"] = 100 * hits / count
        return {"validation loss": float(np.mean(losses)), **right} if losses else {}

    def save(self, path: Path) -> None:
        """The layout of CLOSP, safetensors."""
        require("safetensors.torch").save_file(self.parts.state(), str(path))

    def _batch(self, epoch: int, number: int) -> dict[str, tuple[Any, list[str], Any]]:
        found = {}
        for sensor, scenes in self.training.items():
            per = max(1, len(scenes) // self.batch)
            round_, at = divmod(epoch * self.per_epoch + number, per)
            order = shuffled(
                len(scenes), self.batch, seed=self.seed * 3 + _NUMBER[sensor], epoch=round_, start=at, whole=True
            )
            random = np.random.default_rng((self.seed, epoch, number, _NUMBER[sensor]))
            found[sensor] = self._loaded([scenes[row] for row in next(order)], random)
        return found

    def _loaded(self, scenes: Sequence[Captioned], random: np.random.Generator | None) -> tuple[Any, list[str], Any]:
        """What can be read of them, flipped where there is a generator. LoaderError where that is nothing."""
        read = self.pictures.read(scenes)
        there = [(scene, picture) for scene, picture in zip(scenes, read, strict=True) if not isinstance(picture, str)]
        if not there:
            raise LoaderError(f"Nothing of a batch of {len(scenes)} scenes can be used, such as {read[0]}")
        pictures = [picture for _, picture in there]
        pixels = np.stack(pictures) if random is None else flipped(pictures, random)
        return pixels, [scene.caption for scene, _ in there], np.array([scene.place for scene, _ in there])

    def _pictures(self, sensor: str, pixels: Any) -> Any:
        """(n, width): frozen towers without gradients."""
        tower = self.parts.modules[f"{sensor}_encoder"]
        with self.torch.set_grad_enabled(self.torch.is_grad_enabled() and f"{sensor}_encoder" in self.module):
            features = tower(self.torch.from_numpy(pixels).to(self.device))
        return self.parts.modules[f"{sensor}_projection"](features)

    def _texts(self, captions: Sequence[str]) -> Any:
        if "text_model" in self.module:
            return self.parts.text.states(captions)
        new = [each for each in dict.fromkeys(captions) if each not in self.said]
        if new:
            if len(self.said) > _KEPT:
                self.said.clear()
                new = list(dict.fromkeys(captions))
            with self.torch.no_grad():
                self.said.update(zip(new, self.parts.text.states(new), strict=True))
        return self.torch.stack([self.said[each] for each in captions])

    def _located(self, places: Any) -> Any:
        if self.parts.place is None:
            raise UsageError("rs/closp: there is no location network.")
        return self.torch.from_numpy(self.parts.place(places).astype(np.float32)).to(self.device)

    def _contrast(self, one: Any, other: Any, captions: Sequence[str] | None) -> Any:
        """The mean of both directions; pair i with i, or with all that have its caption."""
        functional = self.torch.nn.functional
        scores = self.scale * _unit(one) @ _unit(other).T
        wanted = self.torch.eye(len(scores), device=scores.device)
        if captions is not None and self.positives:
            same = np.array(captions)[:, None] == np.array(captions)
            wanted = self.torch.from_numpy((same / same.sum(axis=1)).astype(np.float32)).to(scores.device)
        return (functional.cross_entropy(scores, wanted) + functional.cross_entropy(scores.T, wanted)) / 2

    def _enough(self, found: Mapping[str, Sequence[Captioned]], left_out: Mapping[str, int], begin: str) -> None:
        for sensor, what in zip(_SENSORS, ("Sentinel-1", "Sentinel-2"), strict=True):
            if len(found[sensor]) < 2 and not begin:
                why = "; ".join(f"{count} items {reason}" for reason, count in left_out.items())
                raise UsageError(
                    f"rs/closp: {len(found[sensor])} scenes of {what} have a caption{f' ({why})' if why else ''}.",
                    hint="Name the sensor in loader_options, or begin from a checkpoint that knows it.",
                )
        if not any(len(each) > 1 for each in found.values()):
            raise UsageError("rs/closp: no two scenes of a sensor have a caption.")

    def _summary(self, left_out: Mapping[str, int], trained: Sequence[str]) -> str:
        counts = [
            f"{len(self.training.get(sensor, ()))} of {what} ({len(self.held.get(sensor, ()))} apart)"
            for sensor, what in zip(_SENSORS, ("Sentinel-1", "Sentinel-2"), strict=True)
        ]
        rest = "".join(f"; left out {count} {why}" for why, count in left_out.items())
        return f"tiles to train on: {', '.join(counts)}; trained: {', '.join(trained)}{rest}"


def _unit(vectors: Any) -> Any:
    return require("torch").nn.functional.normalize(vectors.float(), dim=-1)


def _digest(file: str) -> str:
    path = Path(file).expanduser()
    return sha256_of(path / "model.safetensors" if path.is_dir() else path)
