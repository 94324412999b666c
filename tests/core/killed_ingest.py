"""Indexes a folder and says what is on the disk after each commit: `python killed_ingest.py COLLECTION FOLDER`.

The parent kills it at a random moment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fieldglass.ingest import ingest, run
from fieldglass.store import Store
from tiny import TinyEncoder


def main() -> None:
    run.COMMIT_ROWS = 16  # many commits in a short life
    collection, folder = Path(sys.argv[1]), Path(sys.argv[2])
    store = Store.open(collection) if collection.exists() else Store.create(collection)
    with store:
        ingest(store, folder, encoder=TinyEncoder(), batch=4, progress=tell)
    print("whole", flush=True)


def tell(progress: object) -> None:
    print(progress.committed, flush=True)


if __name__ == "__main__":
    main()
