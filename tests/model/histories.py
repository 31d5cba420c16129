"""All rules in one machine."""

from tests.model.moves import Moves
from tests.model.trust import Trust


class Histories(Moves, Trust):
    """Operators, administrators, files, the worker, and whatever is killed on the way."""
