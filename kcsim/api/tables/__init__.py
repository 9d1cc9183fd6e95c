"""Server-side tables: the columns and cells that ``kubectl get`` shows of each kind."""
