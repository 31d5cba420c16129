"""Questions put to the whole directory: who is meant, which address takes a letter, whether it will arrive."""
