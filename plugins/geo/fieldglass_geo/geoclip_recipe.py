"""The recipe `geo/geoclip` (arXiv 2309.16020): a location network and a head that meet where photos were taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.spatial.globe import EARTH_KM, distance_km
from fieldglass.training import Plan, Position, shuffled
from fieldglass_geo.geoclip_examples import examples, held_apart, neighbours
from fieldglass_geo.geoclip_files import source
from fieldglass_geo.geoclip_network import HEAD, LOCATION, SCALE, head, load, located, location

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = ["GeoClipRecipe"]

_NEAR = 16  # neighbours that a hard case is drawn from
_GALLERY = 20_000  # places that are validated among
_PIECE = 2048
_METRES = 111_195.0  # in a degree of a great circle


class GeoClipRecipe:
    """Cross-entropy from each photo of a batch to the places of the batch and of a queue of earlier ones.

    Photos come as vectors of a collection's encoder, which stays as it is; the networks are the location encoder, the
    head of photos and the logit scale. Weights are in the one-file layout that `geo/geoclip` reads. The queue holds
    real places from the first step on, where the published code starts with random numbers.

    :param collection: photos with the columns lat and lon, indexed with the encoder that is to be used later:
        clip-vit-l-14-openai for GeoCLIP itself, any other encoder of pictures too.
    :param begin: "geoclip" for the weights of the package (of CLIP ViT-L/14), a file or folder of weights, or "" for
        new networks.
    :param sigmas: the scales of the capsules. With `begin` those beyond its own are added, their share zero at the
        start: sigmas=1,16,256,4096 for an area of less than 50 km.
    :param width: of the hidden layers of new capsules; `features` waves in each; `dim` numbers in a vector.
    :param queue: places of earlier batches that each photo is compared with; 0 for none.
    :param noise: metres, the standard deviation of what is added to a photo's own place, in either direction.
    :param queue_noise: metres, the same for places of the queue.
    :param hard: the share of a batch that is drawn from the 16 nearest photos of its others.
    :param same_km: places nearer than that to a photo's own are no negatives of it.
    :param held_out: the share of places that "median km" is measured on; with 0 the last weights are kept.
    """

    name, weights = "geo/geoclip", "model.safetensors"

    def __init__(
        self,
        *,
        collection: str,
        begin: str = "",
        sigmas: tuple[float, ...] = (1.0, 16.0, 256.0),
        features: int = 256,
        width: int = 1024,
        dim: int = 512,
        queue: int = 4096,
        noise: float = 150.0,
        queue_noise: float = 1000.0,
        hard: float = 0.0,
        same_km: float = 0.0,
        held_out: float = 0.05,
        epochs: int = 10,
        patience: int = 0,
        batch: int = 512,
        lr: float = 3e-5,
        weight_decay: float = 1e-6,
        gamma: float = 0.87,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if (
            batch < 2
            or lr <= 0
            or not 0 <= held_out < 1
            or not 0 <= hard < 1
            or not 0 < gamma <= 1
            or min(queue, noise, queue_noise, same_km, weight_decay) < 0
            or min(features, width, dim) < 1
            or not sigmas
            or min(sigmas) <= 0
        ):
            raise UsageError(
                "geo/geoclip: batch is 2 at least, lr and sigmas are above 0, held_out and hard lie in [0, 1), gamma "
                "in (0, 1], features, width and dim are 1 at least, and nothing else is below 0."
            )
        self.torch = require("torch")
        found = examples(collection)
        training, held = held_apart(found.places, held_out, seed)
        if len(training) < 2:
            raise UsageError("geo/geoclip: fewer than two photos are left to train on.", hint="Lower held_out.")
        self.places = self.torch.from_numpy(found.places[training].astype(np.float32)).to(device)
        self.vectors = self.torch.from_numpy(found.vectors[training]).to(device)
        self.held = self.torch.from_numpy(found.vectors[held]).to(device), found.places[held]
        self.module = self._networks(begin, tuple(sigmas), features, width, dim, queue).to(device)
        self.near = neighbours(found.places[training], _NEAR, same_km) if hard else None
        self.seeds = max(1, batch - round(batch * hard))
        self.batch, self.noise, self.queue_noise, self.same_km = batch, noise, queue_noise, same_km
        self.lr, self.weight_decay, self.gamma, self.seed, self.device = lr, weight_decay, gamma, seed, device
        self.encoder = found.encoder
        self.plan = Plan(
            epochs,
            math.ceil(len(training) / self.seeds),
            "median km" if len(held) else "",
            "min",
            patience,
            schedule_by="epoch",
        )
        self.fingerprint = fingerprint(self.name, encoder=found.encoder, data=found.digest, begin=self._begun)
        self.summary = f"{len(training)} photos to train on, {len(held)} to validate on, as vectors of {found.name}" + (
            f"; {found.without} items have no position" if found.without else ""
        )

    def batches(self, epoch: int, start: int) -> Iterator[I64]:
        """Rows of photos; with `hard` some are neighbours of others of the batch."""
        numbers = shuffled(len(self.places), self.seeds, seed=self.seed, epoch=epoch, start=start)
        for number, rows in enumerate(numbers, start):
            if self.near is None:
                yield rows
                continue
            random = np.random.default_rng((self.seed, epoch, number, 1))
            of = random.choice(rows, self.batch - self.seeds)
            close = self.near[of, random.integers(0, self.near.shape[1], len(of))]
            yield np.unique(np.concatenate([rows, close[close >= 0]]))

    def loss(self, batch: I64, at: Position) -> Mapping[str, Any]:
        """Cross-entropy over batch and queue, the share of photos that rank their own place first, and the scale."""
        torch, functional = self.torch, self.torch.nn.functional
        rows = torch.from_numpy(batch).to(self.device)
        own, module = self.places[rows], self.module
        earlier = module.gps_queue[: min(int(module.gps_count), len(module.gps_queue))]
        shown = own
        if module.training:
            shown, earlier = self._moved(own, self.noise), self._moved(earlier, self.queue_noise)
        candidates = torch.cat([shown, earlier])
        there = functional.normalize(located(module.location_encoder, candidates), dim=1)
        photos = functional.normalize(module.image_encoder["mlp"](self.vectors[rows]), dim=1)
        logits = module.logit_scale.exp() * photos @ there.T
        labels = torch.arange(len(rows), device=self.device)
        if self.same_km:
            chord = 2 * math.sin(min(self.same_km / EARTH_KM, math.pi) / 2)
            same = torch.cdist(_points(torch, own), _points(torch, candidates)) < chord
            same[labels, labels] = False
            logits = logits.masked_fill(same, -math.inf)
        if module.training and len(module.gps_queue):
            self._remember(own)
        right = (logits.detach().argmax(dim=1) == labels).float().mean()
        return {
            "loss": functional.cross_entropy(logits, labels), "own place first": right,
            "scale": module.logit_scale.detach().exp(),
        }  # fmt: skip

    def optimiser(self) -> Any:
        """Adam, as the authors have it."""
        return self.torch.optim.Adam(self.module.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def schedule(self, optimiser: Any) -> Any:
        """The rate times `gamma` after every epoch."""
        return self.torch.optim.lr_scheduler.ExponentialLR(optimiser, self.gamma)

    def validate(self) -> Mapping[str, float]:
        """Of photos held apart: the median distance to the best of the training places, and shares within 25, 200 and
        750 km."""
        vectors, places = self.held
        if not len(places):
            return {}
        torch, functional = self.torch, self.torch.nn.functional
        gallery = torch.unique(self.places, dim=0)
        if len(gallery) > _GALLERY:
            keep = np.random.default_rng(self.seed).choice(len(gallery), _GALLERY, replace=False)
            gallery = gallery[torch.from_numpy(np.sort(keep)).to(self.device)]
        pieces = gallery.split(_PIECE)
        there = torch.cat([functional.normalize(located(self.module.location_encoder, each), dim=1) for each in pieces])
        best = [(self.module.image_encoder["mlp"](each) @ there.T).argmax(dim=1) for each in vectors.split(_PIECE)]
        found = gallery[torch.cat(best)].double().cpu().numpy()
        away = np.array(
            [
                distance_km(*truth, *(part[None] for part in point))[0]
                for truth, point in zip(places, found, strict=True)
            ]
        )
        shares = {f"within {km} km": 100 * float((away <= km).mean()) for km in (25, 200, 750)}
        return {"median km": float(np.median(away)), **shares}

    def save(self, path: Path) -> None:
        """The one-file layout of GeoCLIP, safetensors; its notes say which encoder the photos' vectors are of."""
        state = {
            name: value.detach().cpu().contiguous()
            for name, value in self.module.state_dict().items()
            if name.startswith((LOCATION, HEAD)) or name == SCALE
        }
        require("safetensors.torch").save_file(state, str(path), metadata={"encoder": self.encoder})

    def _networks(self, begin: str, sigmas: tuple[float, ...], features: int, width: int, dim: int, queue: int) -> Any:
        torch = self.torch
        module = torch.nn.Module()
        self._begun: Any = ""
        wide = int(self.vectors.shape[1])
        if begin:
            given = source("" if begin == "geoclip" else begin)
            network, top, scale = load(given.read(), given.path)
            self._begun = given.digests
            if top[0].in_features != wide:
                raise UsageError(
                    f"geo/geoclip: {begin} is for photos as {top[0].in_features} numbers, the collection has {wide}.",
                    hint="Index the photos with clip-vit-l-14-openai, or leave out begin.",
                )
            inner = network["LocEnc0"]["capsule"][1]
            more = location(
                sigmas[len(network) :], features=inner.in_features // 2, width=inner.out_features,
                out=top[2].out_features,
            )  # fmt: skip
            for capsule in list(more.values()):
                torch.nn.init.zeros_(capsule["head"][0].weight)
                torch.nn.init.zeros_(capsule["head"][0].bias)
                network[f"LocEnc{len(network)}"] = capsule
            network.requires_grad_(True)
            top.requires_grad_(True)
        else:
            network = location(sigmas, features=features, width=width, out=dim)
            top, scale = head(wide, dim), math.log(1 / 0.07)
        module.location_encoder = network
        module.image_encoder = torch.nn.ModuleDict({"mlp": top})
        module.logit_scale = torch.nn.Parameter(torch.tensor(float(scale)))
        module.register_buffer("gps_queue", torch.zeros(queue, 2))
        module.register_buffer("gps_count", torch.zeros((), dtype=torch.long))
        return module

    def _moved(self, places: Any, metres: float) -> Any:
        if not metres or not len(places):
            return places
        torch = self.torch
        north, east = (torch.randn_like(places) * (metres / _METRES)).unbind(dim=1)
        latitude = (places[:, 0] + north).clamp(-90, 90)
        longitude = places[:, 1] + east / torch.cos(torch.deg2rad(places[:, 0])).clamp(min=0.01)
        return torch.stack([latitude, (longitude + 180) % 360 - 180], dim=1)

    def _remember(self, places: Any) -> None:
        module = self.module
        size, count = len(module.gps_queue), int(module.gps_count)
        kept = places[-size:]
        at = (count + self.torch.arange(len(kept), device=self.device)) % size
        module.gps_queue[at] = kept
        module.gps_count += len(kept)


def _points(torch: Any, places: Any) -> Any:
    phi, lam = torch.deg2rad(places.double()).unbind(dim=1)
    return torch.stack([torch.cos(phi) * torch.cos(lam), torch.cos(phi) * torch.sin(lam), torch.sin(phi)], dim=1)
