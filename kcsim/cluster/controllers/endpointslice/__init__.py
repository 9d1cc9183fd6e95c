"""The EndpointSlice controller: which pods answer for a Service."""
