"""What every reconciler runs on: components, informers, work queues, event recording, leases."""
