"""The pod network: addresses, Services, and the requests of users."""
