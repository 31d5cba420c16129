"""The schema of the database: which code it serves, how it is brought up, and what that does to others."""
