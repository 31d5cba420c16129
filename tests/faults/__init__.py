"""What must hold when a process is killed, a server dies, a disk is full, or two do the same at once.

Who imports is never killed at a random moment: `gate.Gate` holds it inside PostgreSQL at a named point of its way,
where it waits until the test has done its worst. Nothing in the program knows of these points. Who follows the log (a
replica, the LDAP worker) has no such points: it is killed after so many changes, which a seed decides.
"""

import pytest

# A failed check tells both sides, whoever asks.
pytest.register_assert_rewrite("tests.faults.world")
