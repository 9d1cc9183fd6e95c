"""ApplicationSets: from generators to Applications, and their rollout in steps."""
