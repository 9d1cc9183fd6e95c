"""kcsim for tests: builders, strategies and invariants."""
