"""Secrets that are looked for wherever none may be: a whole installation runs with them, and fails with them."""
