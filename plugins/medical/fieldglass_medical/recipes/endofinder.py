"""The recipe `med/endofinder`: contrast of two views of a picture, and painting of what is around a polyp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.training import Plan, Position
from fieldglass_medical.encoders.display import Display
from fieldglass_medical.encoders.transformer import heads_of
from fieldglass_medical.recipes.copy_detection import contrast, entropy, polyp_scores
from fieldglass_medical.recipes.objectives import kept_patches, reconstruction
from fieldglass_medical.recipes.pictures import CollectionPictures
from fieldglass_medical.recipes.schedules import warmed_cosine
from fieldglass_medical.recipes.views import crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import Sample

__all__ = ["EndoFinderRecipe"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class EndoFinderRecipe:
    """0.5 MAE + InfoNCE + 5 entropy, as EndoFinder; its overlays of emoji and text, and mixup, are not there.

    :param collection: the collection whose pictures are learned from; its encoder does not matter.
    :param masks: a folder with a mask of the polyp for a picture, under its id or that with .png; where there is none
        every patch is background.
    :param width, depth, size, patch: of the ViT; the paper's is 1024 x 24 at 224 pixels by 16.
    :param ratio: share of the patches that are taken away, background first.
    :param lr: for a batch of 256.
    :param precision: "bf16" suits a GPU.
    """

    name, weights = "med/endofinder", "endofinder.pth"

    def __init__(
        self,
        *,
        collection: str = "",
        masks: str = "",
        epochs: int = 100,
        batch: int = 64,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        width: int = 1024,
        depth: int = 24,
        size: int = 224,
        patch: int = 16,
        ratio: float = 0.5,
        decoder_width: int = 512,
        decoder_depth: int = 8,
        projection: int = 512,
        temperature: float = 0.05,
        entropy_weight: float = 5.0,
        mae_weight: float = 0.5,
        precision: Literal["fp32", "bf16"] = "fp32",
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not 0 < ratio < 1 or batch < 2 or lr <= 0 or temperature <= 0 or size % patch:
            raise UsageError(
                "endofinder: ratio lies between 0 and 1, batch is 2 at least, lr and temperature are above 0, and "
                "size is a multiple of patch."
            )
        self.torch = require("torch")
        self.size, self.patch, self.ratio, self.batch = size, patch, ratio, batch
        self.temperature, self.entropy_weight, self.mae_weight = temperature, entropy_weight, mae_weight
        self.rate, self.weight_decay = lr * batch / 256, weight_decay
        self.seed, self.device = seed, device
        self.masks = Path(masks).expanduser() if masks else None
        if self.masks is not None and not self.masks.is_dir():
            raise UsageError(f"endofinder: there is no folder {self.masks} of masks.")
        self.masked = 0
        self.pictures = CollectionPictures(collection, self._prepared, self.name)
        if self.masks is not None and not self.masked:
            raise UsageError(f"endofinder: no file of {self.masks} is named as a picture of {collection}.")
        self.plan = Plan(epochs, self.pictures.count(batch), precision=precision)
        self.module = self._modules(width, depth, decoder_width, decoder_depth, projection).to(device)
        sizes = [width, depth, size, patch, decoder_width, decoder_depth, projection]
        self.fingerprint = fingerprint(self.name, items=self.pictures.ids, sizes=sizes, masked=self.masked, batch=batch)
        self.summary = f"{len(self.pictures)} pictures of {collection}, {self.masked} with a mask"

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """(n, 1, size, size, 4) uint8: red, green, blue, mask."""
        return self.pictures.batches(self.batch, self.seed, epoch, start)

    def loss(self, batch: Any, at: Position) -> Mapping[str, Any]:
        """{"loss", "mae", "contrast", "entropy"}."""
        torch = self.torch
        samples = torch.from_numpy(batch).to(self.device).permute(0, 4, 1, 2, 3).float() / 255
        views = [crop(torch, samples, self.size, 0.4, 1.0)[:, :, 0] for _ in range(2)]
        pictures = [self._normalised(view[:, :3]) for view in views]
        vit = self.module
        features = torch.cat([vit.head(vit.forward_features(each)[:, 0]) for each in pictures])
        features = torch.nn.functional.normalize(features.float(), dim=-1)
        parts = {
            "mae": self._mae(pictures[0], views[0][:, 3]),
            "contrast": contrast(features, self.temperature),
            "entropy": entropy(features),
        }
        whole = self.mae_weight * parts["mae"] + parts["contrast"] + self.entropy_weight * parts["entropy"]
        return {"loss": whole, **parts}

    def optimiser(self) -> Any:
        """AdamW, as MAE's."""
        return self.torch.optim.AdamW(
            self.module.parameters(), lr=self.rate, betas=(0.9, 0.95), weight_decay=self.weight_decay
        )

    def schedule(self, optimiser: Any) -> Any:
        """Down along a cosine, after a twentieth of the steps upwards."""
        return warmed_cosine(optimiser, max(2, self.plan.epochs * (self.plan.batches or 1)), 0.05)

    def validate(self) -> Mapping[str, float]:
        """Nothing is held out."""
        return {}

    def save(self, path: Path) -> None:
        """The official layout: encoder, decoder_*, mask_token and head.* under "model"."""
        state = {name: value.cpu() for name, value in self.module.state_dict().items()}
        self.torch.save({"model": state}, path)

    def _prepared(self, sample: Sample, name: str) -> NDArray[np.uint8]:
        from PIL import Image

        if sample.kind != "image":
            raise UsageError(
                f"endofinder learns from pictures, and {name!r} is a {sample.kind}.",
                hint="Index its frames: `fieldglass med index ... --set level=frame`.",
            )
        shown = Image.fromarray(Display("soft")(sample, self.name)).resize((self.size, self.size))
        made = np.zeros((1, self.size, self.size, 4), dtype=np.uint8)
        made[0, ..., :3] = np.asarray(shown)
        for file in self._mask_files(name):
            with Image.open(file) as mask:
                made[0, ..., 3] = np.asarray(mask.convert("L").resize((self.size, self.size), Image.Resampling.NEAREST))
            self.masked += 1
            break
        return made

    def _mask_files(self, name: str) -> list[Path]:
        if self.masks is None or ".." in Path(name).parts or Path(name).is_absolute():
            return []
        found = (self.masks / name, (self.masks / name).with_suffix(".png"))
        return [each for each in found if each.is_file()]

    def _modules(self, width: int, depth: int, decoder_width: int, decoder_depth: int, projection: int) -> Any:
        torch, vit = self.torch, require("timm.models.vision_transformer")
        made = vit.VisionTransformer(
            img_size=self.size, patch_size=self.patch, num_classes=0, global_pool="token", embed_dim=width,
            depth=depth, num_heads=heads_of(width),
        )  # fmt: skip
        places = made.patch_embed.num_patches
        made.head = torch.nn.Linear(width, projection)
        made.decoder_embed = torch.nn.Linear(width, decoder_width)
        made.mask_token = torch.nn.Parameter(torch.randn(1, 1, decoder_width) * 0.02)
        made.decoder_pos_embed = torch.nn.Parameter(torch.randn(1, places, decoder_width) * 0.02)
        heads = max(1, decoder_width // 32)
        made.decoder_blocks = torch.nn.Sequential(
            *(vit.Block(decoder_width, heads, qkv_bias=True) for _ in range(decoder_depth))
        )
        made.decoder_norm = torch.nn.LayerNorm(decoder_width)
        made.decoder_pred = torch.nn.Linear(decoder_width, 3 * self.patch**2)
        return made

    def _mae(self, pictures: Any, mask: Any) -> Any:
        torch, vit = self.torch, self.module
        maps = vit.patch_embed(pictures) + vit.pos_embed[:, 1:]
        count, places, _ = maps.shape
        kept, hidden = kept_patches(polyp_scores(mask, self.patch), max(1, round((1 - self.ratio) * places)))
        seen = maps.gather(1, kept[..., None].expand(-1, -1, maps.shape[-1]))
        first = (vit.cls_token + vit.pos_embed[:, :1]).expand(count, -1, -1)
        entered = vit.decoder_embed(vit.norm(vit.blocks(torch.cat([first, seen], dim=1)))[:, 1:])
        full = vit.mask_token.expand(count, places, -1).to(entered.dtype)
        full = full.scatter(1, kept[..., None].expand(-1, -1, entered.shape[-1]), entered)
        painted = vit.decoder_pred(vit.decoder_norm(vit.decoder_blocks(full + vit.decoder_pos_embed)))
        target = torch.nn.functional.unfold(pictures, self.patch, stride=self.patch).transpose(1, 2)
        return reconstruction(painted, target, hidden, normalised=False)

    def _normalised(self, pictures: Any) -> Any:
        """Brighter or darker, of more or less contrast, then as the encoder takes them."""
        torch = self.torch
        count = len(pictures)
        gain, shift = (0.6 + 0.8 * torch.rand(count, 1, 1, 1) for _ in range(2))
        gain, shift = gain.to(pictures.device), shift.to(pictures.device) - 1
        pictures = (gain * (pictures - 0.5) + 0.5 + 0.5 * shift).clamp(0, 1)
        mean, std = (torch.tensor(each, device=pictures.device).view(1, 3, 1, 1) for each in (_MEAN, _STD))
        return (pictures - mean) / std
