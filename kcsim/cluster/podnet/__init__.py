"""The pod network: addresses, Services."""
