"""A key of each test's own, and DICOM files written by the tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def key(tmp_path_factory, monkeypatch):
    """Every test has a key of its own."""
    file = tmp_path_factory.mktemp("private") / "medical.key"
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(file))
    return file
