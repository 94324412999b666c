"""Encoders for radiographs, slices, volumes and endoscopy."""
