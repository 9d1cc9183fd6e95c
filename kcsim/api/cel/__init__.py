"""CEL, the Common Expression Language: what admission policies and the rules of custom resources are written in.

The language itself is a library's (docs/decisions/0010-cel.md); this room gives it Kubernetes' functions, types and
words. Nothing here is imported before the first expression is compiled: a world without policies never pays for it.
"""
