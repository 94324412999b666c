"""Composers: what a query of several parts asks of the gallery, as probes and a fusion."""
