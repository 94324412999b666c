"""One ViT for pictures, volumes and clips by 4-D patches (after M3Ret, arXiv 2509.01360, which published no code).

Every sample is a tensor (3, depth, height, width); a patch is 3 channels x `thick` x `patch` x `patch`. A picture is
`thick` copies of itself, so that a clip of that many equal frames is the same tensor.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.errors import UsageError, WeightsError
from fieldglass_medical.encoders.transformer import heads_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Shape", "embedded", "network", "patches_of", "positions", "tokens_of"]


@dataclass(frozen=True)
class Shape:
    """The ViT: width, depth, heads (0: as usual for the width); patches; `size` and `frames` of a sample at its full
    size. `pool` says whether the class token or the mean of the patches is the vector."""

    width: int = 384
    depth: int = 12
    heads: int = 0
    patch: int = 16
    thick: int = 4
    size: int = 224
    frames: int = 32
    window: str = "lung/soft/bone"
    pool: str = "cls"

    def __post_init__(self) -> None:
        heads = self.heads or heads_of(self.width)
        if min(self.width, self.depth, self.patch, self.thick, self.size, self.frames) < 1 or self.width % heads:
            raise UsageError(f"m3ret: width {self.width} in {heads} heads, depth {self.depth}: no such network.")
        if self.size % self.patch or self.frames % self.thick:
            raise UsageError(
                f"m3ret: size {self.size} is a multiple of patch {self.patch}, and frames {self.frames} of thick "
                f"{self.thick}."
            )
        if self.pool not in ("cls", "mean"):
            raise UsageError(f"pool={self.pool!r} is not known.", hint="Use cls or mean.")

    @property
    def grid(self) -> tuple[int, int, int]:
        """Patches of a volume at full size: depth, height, width."""
        return self.frames // self.thick, self.size // self.patch, self.size // self.patch

    def text(self) -> str:
        """As JSON, to lie beside the weights."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(text: str) -> Shape:
        """What `text` said. WeightsError where it is something else."""
        try:
            return Shape(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise WeightsError(f"The file does not say the shape of its network: {error}.") from error


def positions(width: int, grid: tuple[int, int, int], native: tuple[int, int, int]) -> NDArray[np.float32]:
    """(depth x height x width, `width`) sines and cosines of each axis, a third of the numbers each, zeros left over.

    A grid of another size is laid over the native one, middle on middle, so that a position means the same place.
    """
    share = width // 6 * 2
    frequencies = 1 / 10000 ** (np.arange(share // 2, dtype=np.float64) / max(share // 2, 1))
    axes = []
    for count, full in zip(grid, native, strict=True):
        at = (np.arange(count) + 0.5) * full / count - 0.5
        angles = at[:, None] * frequencies
        axes.append(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))
    found = np.zeros((*grid, width), dtype=np.float32)
    found[..., :share] = axes[0][:, None, None]
    found[..., share : 2 * share] = axes[1][None, :, None]
    found[..., 2 * share : 3 * share] = axes[2][None, None, :]
    return found.reshape(-1, width)


def network(shape: Shape) -> Any:
    """The modules, under the names that checkpoints have: embed (Conv3d), cls, blocks, norm."""
    torch, vit = require("torch"), require("timm.models.vision_transformer")
    heads = shape.heads or heads_of(shape.width)
    made = torch.nn.Module()
    step = (shape.thick, shape.patch, shape.patch)
    made.embed = torch.nn.Conv3d(3, shape.width, step, step)
    made.cls = torch.nn.Parameter(torch.randn(1, 1, shape.width) * 0.02)
    made.blocks = torch.nn.Sequential(
        *(vit.Block(shape.width, heads, mlp_ratio=4.0, qkv_bias=True) for _ in range(shape.depth))
    )
    made.norm = torch.nn.LayerNorm(shape.width, eps=1e-6)
    return made


@cache
def _positions(width: int, grid: tuple[int, int, int], native: tuple[int, int, int]) -> Any:
    return require("torch").from_numpy(positions(width, grid, native))


def embedded(module: Any, shape: Shape, samples: Any) -> Any:
    """(n, 3, depth, height, width) -> (n, patches, width) with their positions, no class token."""
    maps = module.embed(samples)
    places = _positions(shape.width, tuple(maps.shape[2:]), shape.grid).to(maps.device)
    return maps.flatten(2).transpose(1, 2) + places


def tokens_of(module: Any, embeddings: Any) -> Any:
    """(n, p, width) -> (n, 1 + p, width) after blocks and norm, the class token first."""
    torch = require("torch")
    whole = torch.cat([module.cls.expand(len(embeddings), -1, -1), embeddings], dim=1)
    return module.norm(module.blocks(whole))


def patches_of(samples: Any, shape: Shape) -> Any:
    """(n, 3, depth, height, width) -> (n, patches, 3 x thick x patch x patch): the pixels of each patch."""
    count, channels, depth, height, width = samples.shape
    thick, side = shape.thick, shape.patch
    cut = samples.reshape(count, channels, depth // thick, thick, height // side, side, width // side, side)
    return cut.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(
        count, (depth // thick) * (height // side) * (width // side), channels * thick * side * side
    )
