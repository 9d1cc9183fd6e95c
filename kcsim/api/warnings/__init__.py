"""What the API server warns of beside storing an object: fields that do nothing, or not what they seem to."""
