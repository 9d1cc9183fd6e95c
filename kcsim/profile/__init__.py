"""Constants and delays of the simulated systems: pure data with units and sources."""
