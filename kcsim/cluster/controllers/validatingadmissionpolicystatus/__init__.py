"""The controller that checks the types of admission policies."""
