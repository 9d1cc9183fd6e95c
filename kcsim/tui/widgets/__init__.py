"""The few widgets kcsim brings along: rows, text and lanes, each drawn line by line."""
