"""notification-controller: events of the other controllers go out to people, webhooks of other services come in."""
