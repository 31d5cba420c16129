"""PostgreSQL and slapd as child processes under one data directory: `annuaire up`, and the harness of the tests.

DIR (the data directory) holds

    lock            held while `annuaire up` runs there
    id              written when the directory is made: tells ours from one that was there before
    run.json        where the running parts listen (0600); read by `--data-dir DIR` of the other commands
    secrets/        key_pepper, made once; former_key_peppers, by whoever changes it
    log/            what each child said
    pg, ldap        the engines' data, private to the engines' account: directories, or links to where they had to go
    sample/         the synthetic files of `--sample`

Nothing here knows a feature: migrations, imports and channels are reached through `app.db` and child commands.
"""

from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.slapd import Slapd

__all__ = ["Postgres", "Slapd", "free_port"]
