"""Scores rows: by a scan of the segments, by gathering a few, and in float64 for those that may be hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.search.bounds import Bounds
from fieldglass.search.rows import Scratch, reduced, similarities, windows

if TYPE_CHECKING:
    from fieldglass.search.plan import Plan
    from fieldglass.search.scope import Scope
    from fieldglass.search.top import Top
    from fieldglass.search.view import View
    from fieldglass.types import F32, F64, I64, Bitmap

    Scoped = Sequence[Scope] | Mapping[int, Scope]

__all__ = ["Executor"]

ROUNDING = 2.0**-19  # of |q| |x|: above what float32 sums of a few thousand products lose
CHUNK = 2048
TOGETHER = 8  # queries that share a scan where each must see every score, unless those are more than HELD
HELD = 1 << 25
SEED, SEEDS = 128, 3  # rows that set the first threshold: so many, or so many times what is asked for


class Executor:
    """Runs one calibrated plan over one snapshot."""

    def __init__(self, view: View, plan: Plan) -> None:
        self.plan = plan
        self.size = view.size
        self.rows = {field: view.rows(field) for field in plan.fields}
        self.present = {field: None if view.complete(field) else view.present(field) for field in plan.fields}
        self.norms = {field: view.norm(field) for field in plan.fields}
        self.together = max(1, min(TOGETHER, HELD // max(1, self.size * len(plan.parts))))

    def scan(self, tops: dict[int, Top], scopes: Scoped, start: int, stop: int) -> None:
        """Offers every row of [start, stop) to the tops."""
        queries = list(tops)
        if not queries or start >= stop:
            return
        if self.plan.single:
            self._scan_single(queries, tops, scopes, start, stop)
        else:
            self._scan_fused(queries, tops, scopes, start, stop)

    def gather(self, query: int, top: Top, positions: I64) -> None:
        """Offers some rows to the top of one query."""
        bounds = self._bounds([query])[query]
        for start in range(0, len(positions), CHUNK):
            mine = positions[start : start + CHUNK]
            values = self._values(query, mine)
            if self.plan.single:
                top.offer(mine, values[0], values[0] + bounds.slack[0])
            else:
                self._offer(query, top, bounds, mine, values)

    def slack(self, queries: Sequence[int] | I64) -> list[F64]:
        """By how much the float32 scores (n,) of each part may be off."""
        return [
            ROUNDING * self.norms[part.field] * np.linalg.norm(part.vectors[queries].astype(np.float64), axis=1)
            for part in self.plan.parts
        ]

    def exact(self, query: int, positions: I64) -> tuple[F64, F64]:
        """Score and height (m,) float64 of some rows, each the same whatever company it is in."""
        values: list[list[F64]] = [[] for _ in self.plan.parts]
        for start in range(0, len(positions), CHUNK):
            mine = positions[start : start + CHUNK]
            blocks = {field: rows.gather(mine) for field, rows in self.rows.items()}
            for slot, part in zip(values, self.plan.parts, strict=True):
                reduce = self.rows[part.field].reduce
                slot.append(similarities(blocks[part.field], part.vectors[query], reduce) + part.bias)
        whole = [np.concatenate(slot) if slot else np.empty(0) for slot in values]
        there = self.there(positions)
        filled = self.plan.filled(query, whole, there)
        return self.plan.combine(query, filled, there), self.plan.height(query, filled)

    def parts(self, query: int, positions: I64) -> tuple[list[F64], list[Bitmap]]:
        """Scores of each part (m,) float64, means filled in, and whether the item has the field."""
        there = self.there(positions)
        values = [
            similarities(self.rows[part.field].gather(positions), part.vectors[query], self.rows[part.field].reduce)
            + part.bias
            for part in self.plan.parts
        ]
        return self.plan.filled(query, values, there), there

    def every(self, queries: Sequence[int], positions: I64) -> list[tuple[list[F64], list[Bitmap]]]:
        """As `parts` for each query, over many rows by one scan: float32 products, no copy of the field.

        Give `together` queries at most. Products are made for so many whatever their number, so that an answer
        does not depend on who else asks.
        """
        padded = [*queries, *[queries[0]] * (self.together - len(queries))]
        whole = np.empty((len(self.plan.parts), len(queries), self.size), dtype=np.float32)
        scratches = {field: Scratch() for field in self.rows}
        for low, high in windows(list(self.rows.values()), 0, self.size, self.together * len(self.plan.parts)):
            for found, scores in zip(whole, self.window(padded, low, high, scratches), strict=True):
                found[:, low:high] = scores.T[: len(queries)]
        there = self.there(positions)
        all_of_them = len(positions) == self.size
        answers = []
        for place, query in enumerate(queries):
            rows = [each[place] if all_of_them else each[place][positions] for each in whole]
            answers.append((self.plan.filled(query, [row.astype(np.float64) for row in rows], there), there))
        return answers

    def likeliest(self, queries: I64, values: Sequence[F32], allowed: Bitmap, k: int) -> I64:
        """(n, c) places of the rows of the highest weighted z-scores (n, m), those that are not allowed (n, m) last.

        As many as set a threshold for k hits.
        """
        count = max(SEEDS * k, SEED)
        if values[0].shape[1] <= count:
            return np.broadcast_to(np.arange(values[0].shape[1]), values[0].shape)
        height = np.zeros_like(values[0])
        for part, value in zip(self.plan.parts, values, strict=True):
            std = part.std[queries, None]
            height += np.divide(part.weight, std, out=np.zeros_like(std), where=std > 0).astype(np.float32) * value
        height[~allowed] = -np.inf
        return np.argpartition(height, -count, axis=1)[:, -count:]

    def _scan_single(self, queries: list[int], tops: dict[int, Top], scopes: Scoped, start: int, stop: int) -> None:
        slack = self.slack(queries)[0]
        scratches = {field: Scratch() for field in self.rows}
        for low, high in windows(list(self.rows.values()), start, stop, len(queries)):
            scores = self.window(queries, low, high, scratches)[0]
            limits = np.array([tops[query].threshold for query in queries]) - slack
            for row in np.flatnonzero(np.isneginf(limits)).tolist():
                query = queries[row]
                limits[row] = _kth(scores[scopes[query].allowed[low:high], row], tops[query].k) - slack[row]
            for row, places in _above(scores, limits.astype(np.float32)):
                query = queries[row]
                hits = places[scopes[query].allowed[low + places]]
                found = scores[hits, row]
                tops[query].offer(low + hits, found, found + slack[row])

    def _scan_fused(self, queries: list[int], tops: dict[int, Top], scopes: Scoped, start: int, stop: int) -> None:
        bounds = self._bounds(queries)
        count = len(queries) * len(self.plan.parts)
        scratches = {field: Scratch() for field in self.rows}
        for low, high in windows(list(self.rows.values()), start, stop, count):
            scores = [np.ascontiguousarray(part.T) for part in self.window(queries, low, high, scratches)]
            for row, query in enumerate(queries):
                values = [part[row] for part in scores]
                there = [None if each is None else each[low:high] for each in self.presence()]
                open_ = scopes[query].allowed[low:high]
                if np.isneginf(tops[query].threshold):  # the likeliest rows set one, and most others are passed over
                    first = self.likeliest(
                        np.array([query]), [value[None] for value in values], open_[None], tops[query].k
                    )[0]
                    first = first[open_[first]]
                    self._offer(query, tops[query], bounds[query], low + first, [value[first] for value in values])
                    open_ = open_.copy()
                    open_[first] = False
                hits = bounds[query].survivors(tops[query].threshold, values, there)
                hits = hits[open_[hits]]
                if len(hits):
                    self._offer(query, tops[query], bounds[query], low + hits, [value[hits] for value in values])

    def _bounds(self, queries: Sequence[int]) -> dict[int, Bounds]:
        slack = np.stack(self.slack(queries), axis=1).tolist()
        return {query: Bounds(self.plan, query, mine) for query, mine in zip(queries, slack, strict=True)}

    def _offer(self, query: int, top: Top, bounds: Bounds, positions: I64, values: Sequence[F32]) -> None:
        for start in range(0, len(positions), CHUNK):  # so many stay in cache
            mine = slice(start, start + CHUNK)
            self._offer_few(query, top, bounds, positions[mine], [value[mine] for value in values])

    def _offer_few(self, query: int, top: Top, bounds: Bounds, positions: I64, values: Sequence[F32]) -> None:
        there = self.there(positions)
        filled = self.plan.filled(query, [value.astype(np.float64) for value in values], there)
        high = self.plan.combine(query, self.plan.moved(filled, bounds.slack, +1), there)
        keep = np.flatnonzero(high >= top.threshold)
        if not len(keep):
            return
        kept, has = [value[keep] for value in filled], [each[keep] for each in there]
        low = self.plan.combine(query, self.plan.moved(kept, bounds.slack, -1), has)
        top.offer(positions[keep], low, high[keep])

    def window(self, queries: Sequence[int], low: int, high: int, scratches: Mapping[str, Scratch]) -> list[F32]:
        """Per part, scores (high - low, queries) of a window, biases added; good until the next window."""
        found: dict[int, F32] = {}
        for field, rows in self.rows.items():
            mine = [number for number, part in enumerate(self.plan.parts) if part.field == field]
            block = rows.window(low, high)
            vectors = np.concatenate([self.plan.parts[number].vectors[queries] for number in mine])
            scores = reduced(block, vectors, rows.reduce, scratches[field])
            for place, number in enumerate(mine):
                found[number] = scores[:, place * len(queries) : (place + 1) * len(queries)]
                if self.plan.parts[number].bias:
                    found[number] += np.float32(self.plan.parts[number].bias)
        return [found[number] for number in range(len(self.plan.parts))]

    def _values(self, query: int, positions: I64) -> list[F32]:
        blocks = {field: rows.gather(positions) for field, rows in self.rows.items()}
        found = []
        for part in self.plan.parts:
            every = np.einsum("brd,d->br", blocks[part.field], part.vectors[query])  # one thread: too few for a pool
            scores = every.sum(axis=1) if self.rows[part.field].reduce == "sum" else every.max(axis=1)
            found.append(scores + np.float32(part.bias))
        return found

    def presence(self) -> Iterator[Bitmap | None]:
        """Per part, which items have its field; None where all have."""
        for part in self.plan.parts:
            yield self.present[part.field]

    def there(self, positions: I64) -> list[Bitmap]:
        """Per part, which of some items (m,) have its field."""
        whole = np.ones(len(positions), dtype=np.bool_)
        return [whole if each is None else each[positions] for each in self.presence()]


def _kth(scores: F32, k: int) -> float:
    """The k-th best, -inf of fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if 0 < k <= len(scores) else -np.inf


def _above(scores: F32, limits: F32) -> Iterator[tuple[int, I64]]:
    """Per query (column) with any, the places of the scores (b, n) that reach its limit."""
    if len(limits) == 1 or not np.isfinite(limits).all():
        for place, limit in enumerate(limits):
            yield place, np.flatnonzero(scores[:, place] >= limit)
        return
    busy = np.flatnonzero(scores.max(axis=0) >= limits)
    if len(busy) * 4 < len(limits):
        for row in busy.tolist():
            yield row, np.flatnonzero(scores[:, row] >= limits[row])
        return
    places, rows = np.divmod(np.flatnonzero(scores >= limits), len(limits))  # one flat look is much the faster
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], busy)
    for row, hits in zip(busy.tolist(), np.split(places[order], starts[1:]), strict=True):
        yield row, hits
