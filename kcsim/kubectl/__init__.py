"""What a person or a pipeline types: kubectl's commands as tasks over a client like any other."""
