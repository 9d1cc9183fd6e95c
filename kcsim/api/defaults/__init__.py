"""Defaults of the built-in kinds: what the API server fills in after decoding."""
