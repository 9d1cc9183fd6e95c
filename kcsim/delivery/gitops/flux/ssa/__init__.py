"""The apply engine that Flux's controllers share: server-side apply, drift, waiting, deleting."""
