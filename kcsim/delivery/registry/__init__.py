"""The image registry: names, tags, digests and what each image does."""
