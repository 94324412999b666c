"""Random operations against a dict: the collection always holds what the dict holds, also when opened again."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from faults import kit
from fieldglass.store import Store

names = st.lists(st.integers(0, 30), min_size=1, max_size=8)


class Collection(RuleBasedStateMachine):
    """Every rule changes the collection and the model alike."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        kit.create(self.folder / "a.collection")
        self.store = Store.open(self.folder / "a.collection")
        self.model: kit.Model = {}
        self.number = 0
        self.held = None

    def do(self, wanted):
        with self.store.writer("test") as writer:
            kit.perform(self.store, writer, wanted)
        self.model = kit.expect(self.model, wanted)

    @rule(names=names, captioned=st.booleans(), kind=st.sampled_from(["commit", "parcel"]))
    def put(self, names, captioned, kind):
        self.number += 1
        self.do((kind, [(f"{name:02d}.jpg", self.number, captioned ^ bool(name % 3)) for name in names]))

    @rule(names=names)
    def delete(self, names):
        self.do(("delete", [f"{name:02d}.jpg" for name in names]))

    @rule(seed=st.integers(0, 9))
    def fill(self, seed):
        bare = sorted(id for id, (_, captioned) in self.model.items() if not captioned)
        self.do(("fill", random.Random(seed).sample(bare, min(len(bare), 3))))

    @rule(kind=st.sampled_from(["merge", "compact", "derived"]))
    def tidy(self, kind):
        self.do((kind, self.number))

    @rule()
    def reopen(self):
        self.store.close()
        self.store = Store.open(self.folder / "a.collection")

    @rule()
    def hold(self):
        """A reader that stays behind goes on seeing its version."""
        self.let_go()
        store = Store.open(self.folder / "a.collection")
        self.held = store, store.snapshot(), dict(self.model)

    def let_go(self):
        if self.held is not None:
            store, snapshot, _ = self.held
            snapshot.close()
            store.close()

    @rule()
    def look_back(self):
        if self.held is not None:
            _, snapshot, model = self.held
            live = snapshot.live_positions()
            ids = snapshot.ids(live)
            assert set(ids) == set(model)
            vectors = snapshot.vectors("image", live)
            for id, row in zip(ids, vectors, strict=True):
                assert (row == kit.vector(id, model[id][0], kit.IMAGE)).all()

    @invariant()
    def same(self):
        assert kit.read(self.store) == self.model

    def teardown(self):
        if hasattr(self, "store"):
            self.let_go()
            self.store.close()
            kit.check(self.folder / "a.collection", [self.model])
            shutil.rmtree(self.folder)


TestCollection = Collection.TestCase
TestCollection.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
