"""Comparisons with numbers that are answered from memory: the same hits as by SQL, whatever is asked."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass.errors import FilterError
from fieldglass.store import Field, Store, filters
from fieldglass.store.comparisons import Comparison, parted
from fieldglass.store.records import Column

COUNT = 400
COLUMNS = {name: Column(name, kind, sql=name) for name, kind in (("price", "float"), ("size", "int"), ("kind", "text"))}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparisons")
    with Store.create(folder / "a.collection") as made:
        with made.writer("test") as writer:
            source = writer.add_source("main", folder, "files")
            writer.add_field(Field("image", "tiny", {}, "t", 8))
            columns = {
                "price": [None if each % 7 == 0 else each / 8 for each in range(COUNT)],
                "size": [each % 20 - 10 for each in range(COUNT)],
                "kind": [("dress", "shoe", "and 1 < 2")[each % 3] for each in range(COUNT)],
                "big": [2**60 + each for each in range(COUNT)],
                "Order": [each % 3 for each in range(COUNT)],
            }
            vectors = np.zeros((COUNT, 8), np.float32)
            writer.append_bulk(source, [f"{each:03d}" for each in range(COUNT)], vectors, columns)
            writer.delete(["003", "010"])
        yield made


@pytest.fixture
def snapshot(store):
    """One that has its columns in memory."""
    store.release()
    return asked_before(store.snapshot())


def asked_before(snapshot):
    snapshot._numbers.spent([Comparison(name, "<", 1.0) for name in ("price", "size", "big")], 60.0)
    return snapshot


def by_sql(snapshot, where):
    return filters.select(snapshot._connection, where, list(snapshot.columns), 5.0).tolist()


@pytest.mark.parametrize(
    ("where", "found", "rest"),
    [
        ("price < 5", [("price", "<", 5.0)], ""),
        ("price<=5.25 AND kind = 'dress'", [("price", "<=", 5.25)], "kind = 'dress'"),
        ("kind = 'a' and PRICE >= -1 aNd size == 3", [("price", ">=", -1.0), ("size", "==", 3.0)], "kind = 'a'"),
        ("price BETWEEN 1 AND 2 AND size > 3", [("price", ">=", 1.0), ("price", "<=", 2.0), ("size", ">", 3.0)], ""),
        ("(kind = 'x' OR size < 2) AND price = .5", [("price", "=", 0.5)], "(kind = 'x' OR size < 2)"),
        ("NOT kind = 'x' AND price = 1.", [("price", "=", 1.0)], "NOT kind = 'x'"),
        ("kind = 'a AND price < 3' AND price < 4", [("price", "<", 4.0)], "kind = 'a AND price < 3'"),
    ],
)
def test_what_a_filter_is_parted_into(where, found, rest):
    assert parted(where, COLUMNS) == ([Comparison(*each) for each in found], rest)


@pytest.mark.parametrize(
    "where",
    [
        "price < 5 OR size > 2",
        "kind = 'x' OR price < 5 AND size > 2",
        "price != 5",
        "price < size",
        "price < 5 + 1",
        "price < 1e3",
        "price < 35.714285714285715",
        "kind < 5",
        "(price < 5)",
        "price < 5 AND",
        "price < 5) AND (size > 2",
        "price < 5 AND kind = 'x",
        "CASE WHEN price < 5 AND size > 2 THEN 1 END",
        'kind = "x" OR price < 5',
        "abs(price) < 5",
    ],
)
def test_a_filter_that_stays_whole(where):
    assert parted(where, COLUMNS) == ([], where)


numbers = st.one_of(st.integers(-12, 60), st.integers(-80, 480).map(lambda each: each / 8))
compared = st.builds(
    "{} {} {}".format,
    st.sampled_from(["price", "Size", "big"]),
    st.sampled_from(["<", "<=", ">", ">=", "=", "==", "!="]),
    numbers,
)
terms = st.one_of(
    compared,
    st.builds("price BETWEEN {} AND {}".format, numbers, numbers),
    st.sampled_from(["kind = 'dress'", "NOT kind = 'shoe'", "kind = 'and 1 < 2'", "(size < 3 OR price IS NULL)"]),
)


@settings(max_examples=60, deadline=None)
@given(where=st.lists(terms, min_size=1, max_size=4).map(" AND ".join))
def test_the_answers_are_those_of_sql(store, where):
    snapshot = asked_before(store.snapshot())
    assert snapshot.select(where).tolist() == by_sql(snapshot, where)


def test_large_whole_numbers_are_left_to_sql(snapshot):
    for number in (2**60 + 5, 2**60 + 6):
        assert snapshot.select(f"big <= {number} AND size > -99").tolist() == by_sql(snapshot, f"big <= {number}")


def test_the_rest_of_a_filter_is_asked_once(snapshot, monkeypatch):
    asked = []
    by = filters.select
    monkeypatch.setattr(
        filters, "select", lambda connection, where, *more: asked.append(where) or by(connection, where, *more)
    )
    for price in range(20, 30):
        snapshot.select(f"price < {price} AND kind = 'dress'")
    assert asked == ["kind = 'dress'"]


def test_a_column_is_read_once_sql_has_spent_what_that_costs(store, monkeypatch):
    store.release()
    snapshot = store.snapshot()
    read = []
    monkeypatch.setattr(type(snapshot), "numbers", lambda self, columns: read.append(columns) or np.zeros((COUNT, 1)))
    snapshot.select("price < 1")
    assert not read
    snapshot._numbers.spent([Comparison("price", "<", 1.0)], 60.0)
    snapshot.select("price < 2")
    snapshot.select("price < 3")
    assert read == [["price"]]


def test_what_is_no_sql_is_an_error_all_the_same(snapshot):
    for where in ("price < 5 AND kind ==== 'x'", "price < 5 AND nothing = 3", "order < 2", "price < 5 AND id IN (;)"):
        with pytest.raises(FilterError):
            snapshot.select(where)


def test_a_snapshot_is_let_go_of_at_once(store):
    store.release()
    snapshot = store.snapshot()
    snapshot.select("price < 1")
    gone = weakref.ref(snapshot)
    gc.disable()
    try:
        store.release()
        del snapshot
        assert gone() is None
    finally:
        gc.enable()
