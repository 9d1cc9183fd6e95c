"""The Endpoints controller: the old, single object that says who answers for a Service."""
