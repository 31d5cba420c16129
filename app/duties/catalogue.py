"""All duties of the worker, in the order in which those that are due at once are done."""

from app.duties.loop import Duty

DUTIES: tuple[Duty, ...] = ()
