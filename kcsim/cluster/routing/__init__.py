"""Ingress and Gateway API: how HTTP requests are told apart, and the programs that pass them on."""
