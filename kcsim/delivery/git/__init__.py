"""Git repositories with real objects, and the host that serves them."""
