"""Which methods a path takes, for the header Allow of a 405 (RFC 9110 §15.5.6): all of them.

The router stops at the first route whose path fits, and a path may have one route for each of its methods.
"""

from starlette.requests import Request
from starlette.routing import BaseRoute, Match


def allowed(request: Request) -> str:
    """The methods of the path that was asked for, in order of their names; HEAD stands beside GET."""
    fitting = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    path = request.scope["path"]
    # /v1/mailboxes/batch is no address: what `/v1/mailboxes/{address}` takes is not taken there.
    named = [route for route in fitting if getattr(route, "path", None) == path]
    methods = {method for route in named or fitting for method in _methods(route)}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _methods(route: BaseRoute) -> set[str]:
    return set(getattr(route, "methods", None) or ())
