"""The API server: objects, the log, verbs, admission, rights, watches; the client; and the reconcilers' kit."""
