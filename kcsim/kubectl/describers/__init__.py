"""How ``kubectl describe`` tells of each kind."""
