"""`annuaire doctor`: what is here, what answers, what is wrong, and what to do about it.

One file for each kind of thing that is looked at; each has a table of its looks, and `examine` goes through them in the
order in which one thing needs another.
"""

from app.doctor.examination import examine
from app.doctor.finding import Finding

__all__ = ["Finding", "examine"]
