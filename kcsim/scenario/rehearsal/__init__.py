"""What-if on a real repository: the delivery set-up found in it, the story made of that, and what came of it."""
