"""Finds pictures that are nearly the same: a hash of their edges, checked by their colours.

The hash is the difference hash: whether a cell of a 16 x 17 grey picture is lighter than its right neighbour, 256
bits. Two pictures are near duplicates if at most `MOST_BITS` differ and no cell of a 4 x 4 colour picture differs by
more than `MOST_COLOUR`, so that the same cut in another colour is another product. Candidates share one of 16 bands.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signatures = NDArray[np.uint8]

__all__ = ["MOST_BITS", "MOST_COLOUR", "WIDTH", "groups", "signature", "signature_of"]

MOST_BITS = 12
MOST_COLOUR = 16  # of 255, in any channel
WIDTH = 32 + 48  # bytes of a signature
_SURE = 4  # grey levels that count as lighter: white grounds are not quite even
_CROWD = 64  # of a band that many pictures share, each is compared with so many neighbours
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint8)


def signature(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 -> (WIDTH,) uint8: 32 bytes of hash, then 4 x 4 RGB."""
    picture = Image.fromarray(pixels)
    grey = np.asarray(picture.convert("L").resize((17, 16), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(grey[:, :-1] > grey[:, 1:] + _SURE)
    colours = np.asarray(picture.resize((4, 4), Image.Resampling.BOX)).reshape(-1)
    return np.concatenate([bits, colours])


def signature_of(preview: bytes) -> NDArray[np.uint8]:
    """That of a stored preview: an audit and an index find the same groups, since both look at previews."""
    with Image.open(io.BytesIO(preview)) as picture:
        return signature(np.asarray(picture.convert("RGB")))


def groups(signatures: Signatures, *, most_bits: int = MOST_BITS) -> NDArray[np.int64]:
    """(n, WIDTH) -> (n,): the least row of the group that each is in; its own, where it is alone."""
    if not len(signatures):
        return np.empty(0, dtype=np.int64)
    kinds, first, of = np.unique(signatures, axis=0, return_index=True, return_inverse=True)
    near = [
        (left[keep], right[keep])
        for left, right in _pairs(kinds)
        if (keep := _near(kinds, left, right, most_bits)).any()
    ]
    labels = first.astype(np.int64)
    if near:
        _spread(labels, *(np.concatenate(side) for side in zip(*near, strict=True)))
    return labels[of.reshape(-1)]


def _pairs(signatures: Signatures) -> Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows that share a band of the hash, each with those that follow it in the order of whole hashes."""
    bands = np.ascontiguousarray(signatures[:, :32]).view(">u2")
    whole = np.ascontiguousarray(signatures[:, :32]).view("S32")[:, 0]
    found = []
    for band in range(bands.shape[1]):
        order = np.lexsort((whole, bands[:, band]))
        same = bands[order, band]
        for step in range(1, _CROWD + 1):
            together = np.flatnonzero(same[step:] == same[:-step]) if step < len(same) else np.empty(0, dtype=np.int64)
            if not len(together):
                break
            found.append((order[together], order[together + step]))
    return found


def _near(
    signatures: Signatures, left: NDArray[np.int64], right: NDArray[np.int64], most_bits: int
) -> NDArray[np.bool_]:
    near = np.empty(len(left), dtype=bool)
    for start in range(0, len(left), 1 << 16):
        one, other = signatures[left[start : start + (1 << 16)]], signatures[right[start : start + (1 << 16)]]
        bits = _BITS[one[:, :32] ^ other[:, :32]].sum(axis=1, dtype=np.int64)
        colours = np.abs(one[:, 32:].astype(np.int16) - other[:, 32:]).max(axis=1)
        near[start : start + (1 << 16)] = (bits <= most_bits) & (colours <= MOST_COLOUR)
    return near


def _spread(labels: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
    """Give every connected set of rows its least label, in place."""
    while True:
        least = np.minimum(labels[left], labels[right])
        if (least == labels[left]).all() and (least == labels[right]).all():
            return
        np.minimum.at(labels, left, least)
        np.minimum.at(labels, right, least)
