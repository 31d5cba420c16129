"""Real servers for tests: a PostgreSQL and a slapd for each test process, by the code of `annuaire up`.

`database` clones a migrated template, so a test may commit; `slapd` starts from an empty tree. All of it lives in one
short directory under /tmp, opened to the engines' account, and is gone after the run.
"""
