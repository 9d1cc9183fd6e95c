"""How what Git wants is compared with what is there."""
