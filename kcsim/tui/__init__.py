"""kcsim on a terminal."""
