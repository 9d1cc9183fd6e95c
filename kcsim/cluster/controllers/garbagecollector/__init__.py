"""The garbage collector: deletes what its owners left behind."""
