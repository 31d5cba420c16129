"""What this installation measures of itself, as `/metrics` shows it to Prometheus.

Each metric is declared in the file of its subject, and nowhere else:

    requests      what was asked, by route, and how long it took      counted in this process
    pools         connections to PostgreSQL, and who waits for one    counted in this process
    process       memory, processor and files of our processes        read from /proc
    database      sessions, transactions, locks, archive, standbys    read from the database (`reading`)
    directory     edition, what waits, lag of every channel           the same, as /readyz does
    imports       last and running runs: stages, lines                ┐
    budgets       callers at their limit today                        │ the same, one statement for
    credentials   certificates, keys and lists that end               │ all of them
    trail         length and anchor of the audit trail                │
    worker        when it was last seen, duties that fail             ┘
    traces        spans that were dropped                             counted in this process
    folders       free space where files are kept

A new metric: declare a `Gauge` (or a counter) in the file of its subject, let that file show it, and give it a line in
docs/observation.md; a test compares the two. No label carries an id, an address or a name.
"""

from app.metrics.exposition import Metrics

__all__ = ["Metrics"]
