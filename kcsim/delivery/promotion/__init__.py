"""Promotion: what runs well in one environment is carried to the next, by a program that watches and commits."""
