"""Requests: who sends how many, what becomes of them, and what is known of them afterwards."""
