"""Indexes: they propose candidate rows; the engine scores them from the segments."""
