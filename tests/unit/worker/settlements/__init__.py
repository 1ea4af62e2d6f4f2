"""How claims end in the store."""
