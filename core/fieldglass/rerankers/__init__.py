"""The built-in rerankers, one per file."""
