"""Finished Jobs go after their time to live."""
