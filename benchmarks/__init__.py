"""How fast kcsim is: each figure beside a floor that the same run measures on the same machine."""
