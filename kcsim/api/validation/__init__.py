"""Validation of the built-in kinds, in upstream's words and order."""
