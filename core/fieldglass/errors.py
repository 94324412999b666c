"""Every error of Fieldglass, as one tree.

FieldglassError
├── UsageError (ValueError)             an argument, option or name that cannot be used
│   ├── UnknownNameError (LookupError)  no offer of that name; lists the near matches
│   ├── QueryError                      a query that cannot be run (wrong dim, NaN, nothing asked)
│   └── FilterError                     a --where that is not allowed, not valid, or too slow
├── PluginError (ImportError)           a plugin that is broken; everything else goes on
│   └── MissingExtraError               an optional dependency that is not installed
├── CollectionError (OSError)           a collection that cannot be used as asked
│   ├── NotACollectionError (FileNotFoundError)
│   ├── FormatError                     written by a newer Fieldglass
│   ├── LockedError                     another writer holds it
│   ├── ReadOnlyError (PermissionError)
│   ├── DamagedError                    a file does not match its checksum or size
│   └── FingerprintError                vectors of another encoder
├── WeightsError (ValueError)           a weight file that is wrong, hostile or damaged
│   └── WeightsMissingError (FileNotFoundError)
├── EndpointError (ConnectionError)     a language model that does not answer
├── TrainingError (RuntimeError)        a training that cannot go on
│   └── DivergedError (ArithmeticError) its loss or gradient is NaN or infinite
└── LoaderError (OSError)               a source that cannot be opened at all

Each says what happened, where, and what to do next. One bad *item* is never an
exception: it is a `fieldglass.types.Problem`, and becomes a row of the journal.
"""

from __future__ import annotations

__all__ = [
    "CollectionError",
    "DamagedError",
    "DivergedError",
    "EndpointError",
    "FieldglassError",
    "FilterError",
    "FingerprintError",
    "FormatError",
    "LoaderError",
    "LockedError",
    "MissingExtraError",
    "NotACollectionError",
    "PluginError",
    "QueryError",
    "ReadOnlyError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "WeightsError",
    "WeightsMissingError",
]


class FieldglassError(Exception):
    """Root of the tree. `hint` is the next thing to do, printed after the message."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class UsageError(FieldglassError, ValueError):
    """An argument, option or name that cannot be used."""


class UnknownNameError(UsageError, LookupError):
    """No offer of that name."""


class QueryError(UsageError):
    """A query that cannot be run."""


class FilterError(UsageError):
    """A filter that is not allowed, not valid, or too slow."""


class PluginError(FieldglassError, ImportError):
    """A plugin that is broken."""


class MissingExtraError(PluginError):
    """An optional dependency that is not installed."""


class CollectionError(FieldglassError, OSError):
    """A collection that cannot be used as asked."""


class NotACollectionError(CollectionError, FileNotFoundError):
    """Nothing at that path, or something that is not a collection."""


class FormatError(CollectionError):
    """Written by a newer Fieldglass."""


class LockedError(CollectionError):
    """Another writer holds the collection."""


class ReadOnlyError(CollectionError, PermissionError):
    """The collection lies where nothing can be written."""


class DamagedError(CollectionError):
    """A file does not match its checksum or size."""


class FingerprintError(CollectionError):
    """The vectors were made by another encoder."""


class WeightsError(FieldglassError, ValueError):
    """A weight file that is wrong, hostile or damaged."""


class WeightsMissingError(WeightsError, FileNotFoundError):
    """The weights are not on this machine."""


class EndpointError(FieldglassError, ConnectionError):
    """A language model that does not answer, or not as the protocol says."""


class TrainingError(FieldglassError, RuntimeError):
    """A training that cannot go on."""


class DivergedError(TrainingError, ArithmeticError):
    """The loss, the gradient or the weights of a training are NaN or infinite."""


class LoaderError(FieldglassError, OSError):
    """A source that cannot be opened at all."""
