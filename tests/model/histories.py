"""All rules in one machine."""

from tests.model.exports import Exports
from tests.model.moves import Moves
from tests.model.trust import Trust


class Histories(Moves, Trust, Exports):
    """Operators, administrators, files, the worker, and whatever is killed on the way."""
