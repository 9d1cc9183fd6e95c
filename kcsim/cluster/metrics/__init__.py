"""What pods and nodes use, measured as metrics-server measures it."""
