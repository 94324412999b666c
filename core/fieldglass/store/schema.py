"""The tables of catalogue.sqlite.

The rowid of `item` is the position; it holds live items only, and `dead` holds every other position
below `state.size`. Metadata columns c1, c2 ... are added to `item` as they are met, each with an
index of its own; `column.annotated` is 1 for those of `annotate`, 2 for what loaders measured, else 0.
The view `items` gives them their names and is all that a filter may read.
"""

from __future__ import annotations

import sqlite3

__all__ = ["APPLICATION", "FIXED", "FORMAT", "create_tables", "create_view"]

APPLICATION = 0x46476C73  # "FGls"
FORMAT = 1
FIXED = ("position", "id", "source", "path")  # names of the view that are no metadata

_TABLES = """
CREATE TABLE state (version INTEGER NOT NULL, data_version INTEGER NOT NULL, epoch INTEGER NOT NULL,
                    size INTEGER NOT NULL, next_file INTEGER NOT NULL);
INSERT INTO state VALUES (0, 0, 0, 0, 1);
CREATE TABLE property (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, root TEXT NOT NULL,
                     loader TEXT NOT NULL, options TEXT NOT NULL);
CREATE TABLE field (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, encoder TEXT NOT NULL, options TEXT NOT NULL,
                    fingerprint TEXT NOT NULL, dim INTEGER NOT NULL, rows INTEGER NOT NULL, dtype TEXT NOT NULL,
                    reduce TEXT NOT NULL, origin TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 0);
CREATE TABLE column (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, grouped INTEGER NOT NULL,
                     sql TEXT NOT NULL, annotated INTEGER NOT NULL);
CREATE TABLE item (position INTEGER PRIMARY KEY, id TEXT NOT NULL, source INTEGER NOT NULL, path TEXT, more TEXT,
                   locator TEXT, stamp TEXT NOT NULL, content_hash TEXT NOT NULL, metadata_hash TEXT NOT NULL);
CREATE UNIQUE INDEX item_id ON item (id);
CREATE TABLE dead (position INTEGER PRIMARY KEY);
CREATE TABLE segment (field TEXT NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL, number INTEGER NOT NULL,
                      bytes INTEGER NOT NULL, head INTEGER NOT NULL, blocks BLOB NOT NULL, present BLOB,
                      PRIMARY KEY (field, start)) WITHOUT ROWID;
CREATE TABLE derived (name TEXT PRIMARY KEY, file TEXT NOT NULL, meta TEXT NOT NULL, bytes INTEGER NOT NULL,
                      head INTEGER NOT NULL, blocks BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE retired (file TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE parcel (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE journal (source INTEGER NOT NULL, subject TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
                      severity TEXT NOT NULL, stamp TEXT NOT NULL, at TEXT NOT NULL,
                      PRIMARY KEY (source, subject, code)) WITHOUT ROWID;
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty catalogue in an empty database."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; {_TABLES} COMMIT;"
    )
    connection.execute("BEGIN")
    create_view(connection)
    connection.execute("COMMIT")


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def create_view(connection: sqlite3.Connection) -> None:
    """Make the view `items` anew. SQLite drops the join wherever `source` is not asked for."""
    columns = connection.execute("SELECT key, sql FROM column ORDER BY key").fetchall()
    named = "".join(f", i.c{key} AS {quoted(sql)}" for key, sql in columns)
    connection.execute("DROP VIEW IF EXISTS items")
    connection.execute(
        f"CREATE VIEW items AS SELECT i.position AS position, i.id AS id, s.name AS source, i.path AS path{named} "
        "FROM item i LEFT JOIN source s ON s.key = i.source"
    )
