"""How an object and an Application are doing, as Argo CD sees it."""
