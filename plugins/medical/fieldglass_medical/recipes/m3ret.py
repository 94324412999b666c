"""The recipe `med/m3ret`: one ViT on pictures, volumes and clips without labels, by MAE or SimDINO."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.training import Plan, Position
from fieldglass_medical.encoders.display import Display
from fieldglass_medical.encoders.m3ret import canonical, tensor
from fieldglass_medical.encoders.m3ret_network import Shape, embedded, network, patches_of, tokens_of
from fieldglass_medical.recipes.objectives import kept_patches, reconstruction, simdino
from fieldglass_medical.recipes.pictures import CollectionPictures
from fieldglass_medical.recipes.schedules import warmed_cosine
from fieldglass_medical.recipes.views import crop

__all__ = ["M3RetRecipe"]


class M3RetRecipe:
    """Our implementation of what the paper describes (arXiv 2509.01360); it published neither code nor weights.

    :param collection: the collection whose items are learned from; its encoder does not matter.
    :param objective: "mae" (three quarters of the patches are hidden and painted again) or "simdino" (crops of a
        sample agree with an averaged teacher, and features fill their space).
    :param width, depth, heads: of the ViT: 384 x 12 is ViT-S, 768 x 12 ViT-B, 1024 x 24 ViT-L.
    :param size, frames, patch, thick: a volume or clip is `frames` of `size` pixels; a patch `thick` x `patch` pixels.
    :param keep: share of the patches that MAE sees.
    :param local: crops of half the side for SimDINO's student, besides two of the full size.
    :param momentum: of the teacher, rising to 1 along a cosine.
    :param precision: "bf16" suits a GPU.
    """

    name, weights = "med/m3ret", "m3ret.pt"

    def __init__(
        self,
        *,
        collection: str = "",
        objective: Literal["mae", "simdino"] = "mae",
        epochs: int = 100,
        batch: int = 32,
        lr: float = 3e-4,
        weight_decay: float = 0.05,
        warmup: float = 0.05,
        width: int = 384,
        depth: int = 12,
        heads: int = 0,
        patch: int = 16,
        thick: int = 4,
        size: int = 224,
        frames: int = 32,
        window: str = "lung/soft/bone",
        keep: float = 0.25,
        decoder_width: int = 512,
        decoder_depth: int = 8,
        local: int = 4,
        projection: int = 256,
        momentum: float = 0.996,
        precision: Literal["fp32", "bf16"] = "fp32",
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if objective not in ("mae", "simdino") or not 0 < keep < 1 or batch < 2 or lr <= 0 or not 0 <= warmup < 1:
            raise UsageError(
                "m3ret: objective is mae or simdino, keep lies between 0 and 1, warmup in [0, 1), batch is 2 at least, "
                "and lr is above 0."
            )
        self.torch = require("torch")
        pool = "mean" if objective == "mae" else "cls"
        self.shape = Shape(width, depth, heads, patch, thick, size, frames, window, pool)
        self.objective, self.keep, self.local, self.momentum = objective, keep, local, momentum
        self.batch, self.lr, self.weight_decay, self.warmup = batch, lr, weight_decay, warmup
        self.seed, self.device = seed, device
        display = Display(window)
        self.pictures = CollectionPictures(
            collection, lambda sample, _: canonical(sample, display, self.shape, self.name), self.name
        )
        self.plan = Plan(epochs, self.pictures.count(batch), clip=3.0, precision=precision)
        self.module = self._modules(decoder_width, decoder_depth, projection).to(device)
        stated = {"objective": objective, "keep": keep, "decoder": [decoder_width, decoder_depth], "batch": batch}
        self.fingerprint = fingerprint(
            self.name, shape=self.shape.text(), items=self.pictures.ids, stated=stated, local=local,
            projection=projection,
        )  # fmt: skip
        self.summary = f"{len(self.pictures)} items of {collection}, by {objective}"

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """(n, depth, size, size, 3) uint8."""
        return self.pictures.batches(self.batch, self.seed, epoch, start)

    def loss(self, batch: Any, at: Position) -> Mapping[str, Any]:
        """MAE: {"loss"}; SimDINO: its parts besides."""
        samples = tensor(batch, self.shape, self.device)
        return self._mae(samples) if self.objective == "mae" else self._simdino(samples, at)

    def optimiser(self) -> Any:
        """AdamW; norms and biases are not decayed."""
        trained = [each for each in self.module.parameters() if each.requires_grad]
        groups = [
            {"params": [each for each in trained if each.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
        ]
        return self.torch.optim.AdamW(groups, lr=self.lr, betas=(0.9, 0.95))

    def schedule(self, optimiser: Any) -> Any:
        """Linear up, then down along a cosine."""
        return warmed_cosine(optimiser, max(1, self.plan.epochs * (self.plan.batches or 1)), self.warmup)

    def validate(self) -> Mapping[str, float]:
        """Nothing is held out."""
        return {}

    def save(self, path: Path) -> None:
        """The encoder alone, of SimDINO the teacher, with its shape: what `med/m3ret` reads."""
        kept = self.module.teacher if self.objective == "simdino" else self.module.student
        state = {name: value.cpu() for name, value in kept.state_dict().items()}
        self.torch.save({"state_dict": state, "m3ret": self.shape.text(), "objective": self.objective}, path)

    def _modules(self, decoder_width: int, decoder_depth: int, projection: int) -> Any:
        torch, vit = self.torch, require("timm.models.vision_transformer")
        nn, width = torch.nn, self.shape.width
        made = nn.Module()
        made.student = network(self.shape)
        if self.objective == "mae":
            pixels = 3 * self.shape.thick * self.shape.patch**2
            made.enter = nn.Linear(width, decoder_width)
            made.hidden = nn.Parameter(torch.randn(1, 1, decoder_width) * 0.02)
            blocks = (
                vit.Block(decoder_width, max(1, decoder_width // 32), qkv_bias=True) for _ in range(decoder_depth)
            )
            made.decoder = nn.Sequential(*blocks, nn.LayerNorm(decoder_width), nn.Linear(decoder_width, pixels))
            return made
        made.head = _head(nn, width, projection)
        made.teacher, made.teacher_head = network(self.shape), _head(nn, width, projection)
        for one, other in ((made.teacher, made.student), (made.teacher_head, made.head)):
            one.load_state_dict(other.state_dict())
            one.requires_grad_(False)
        return made

    def _mae(self, samples: Any) -> Mapping[str, Any]:
        torch, module, shape = self.torch, self.module, self.shape
        every = embedded(module.student, shape, samples)
        count, places, _ = every.shape
        keep = max(1, round(self.keep * places))
        kept, masked = kept_patches(torch.rand(count, places, device=every.device), keep)
        seen = tokens_of(module.student, every.gather(1, kept[..., None].expand(-1, -1, every.shape[-1])))
        entered = module.enter(seen[:, 1:])
        full = module.hidden.expand(count, places, -1).to(entered.dtype)
        full = full.scatter(1, kept[..., None].expand(-1, -1, entered.shape[-1]), entered)
        painted = module.decoder(full + self._places(samples, entered.shape[-1]))
        return {"loss": reconstruction(painted, patches_of(samples, shape), masked)}

    def _places(self, samples: Any, width: int) -> Any:
        from fieldglass_medical.encoders.m3ret_network import positions

        depth, height, across = samples.shape[2:]
        grid = depth // self.shape.thick, height // self.shape.patch, across // self.shape.patch
        return self.torch.from_numpy(positions(width, grid, self.shape.grid)).to(samples.device)

    def _simdino(self, samples: Any, at: Position) -> Mapping[str, Any]:
        import math

        torch, module, shape = self.torch, self.module, self.shape
        total = max(1, at.epochs * (self.plan.batches or 1))
        if at.step:  # of the last step, so that a resumed run does it too
            rate = 1 - (1 - self.momentum) * (1 + math.cos(math.pi * at.step / total)) / 2
            pairs = ((module.teacher, module.student), (module.teacher_head, module.head))
            with torch.no_grad():
                for one, other in pairs:
                    for mine, new in zip(one.parameters(), other.parameters(), strict=True):
                        mine.lerp_(new, 1 - rate)
        small = max(shape.patch, shape.size // 2 // shape.patch * shape.patch)
        views = [crop(torch, samples, shape.size, 0.4, 1.0) for _ in range(2)]
        crops = [crop(torch, samples, small, 0.1, 0.4) for _ in range(self.local)]
        with torch.no_grad():
            taught = [self._features(module.teacher, module.teacher_head, view) for view in views]
        seen = [self._features(module.student, module.head, view) for view in (*views, *crops)]
        return simdino(seen, taught)

    def _features(self, vit: Any, head: Any, samples: Any) -> Any:
        token = tokens_of(vit, embedded(vit, self.shape, samples))[:, 0]
        return self.torch.nn.functional.normalize(head(token).float(), dim=-1)


def _head(nn: Any, width: int, projection: int) -> Any:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, projection))
