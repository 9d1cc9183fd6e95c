"""The resource quota controller: adds up what a namespace uses, where admission only ever adds to it."""
