"""Server-side apply: who owns which field, what an apply changes, and whom it conflicts with. Pure throughout."""
