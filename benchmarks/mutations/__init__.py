"""Deliberate defects in kcsim's own controllers, and whether the shipped promises find them."""
