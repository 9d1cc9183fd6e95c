"""The pod garbage collector: removes pods that nothing else will remove."""
