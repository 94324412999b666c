"""Three hundred random rows with prices, kinds and patients, an engine over them, and what it must answer."""

from __future__ import annotations

import numpy as np

from fieldglass.search import Engine
from fieldglass.types import Query
from galleries import Ask, gallery, random_rows
from tiny import TinyEncoder

ROWS = random_rows(300)
ASKED = random_rows(20, seed=1)


def priced(folder):
    """An engine over ROWS, with a price, a kind and (but for the last ten) a patient each."""
    numbers = list(range(300))
    return Engine(
        gallery(
            folder,
            ROWS,
            metadata={"price": numbers, "kind": ["dress" if row % 3 else "hat" for row in numbers]},
            groups={"patient": [f"p{row // 10}" if row < 290 else None for row in numbers]},
        ),
        TinyEncoder(),
    )


def positions(outcomes):
    return [each.ranking.positions.tolist() for each in outcomes]


def nearest(asked, allowed, k):
    allowed = np.asarray(allowed)
    scores = ROWS[allowed].astype(np.float64) @ asked
    return allowed[np.lexsort((allowed, -scores))][:k].tolist()


def run(engine, asked, k=10, **more):
    asked = np.atleast_2d(asked)
    query = more.pop("query", Query())
    return engine.search([query] * len(asked), composer=more.pop("composer", None) or Ask(asked), k=k, **more)
