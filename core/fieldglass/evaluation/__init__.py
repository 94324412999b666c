"""Runs a benchmark on a collection and tells what came out."""
