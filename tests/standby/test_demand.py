"""What a request demands is read from what it carries; what cannot be compared is for the primary."""

import pytest
from starlette.requests import Request

from app.standby.demand import least_edition, require_edition, require_primary


def asked(*headers: tuple[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw, "state": {}})


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ((), 0),
        ((("Minimum-Edition", "12"),), 12),
        ((("Minimum-Edition", "12"), ("If-None-Match", '"15-0123456789abcdef"')), 15),
        ((("If-None-Match", 'W/"15-0123456789abcdef", "20-0123456789abcdef"'),), 20),
        # Tags of lists, and whatever else, name no edition.
        ((("If-None-Match", '"0123456789abcdef"'),), None),
        ((("If-None-Match", '"15-0123456789abcdef", "0123456789abcdef"'),), None),
        ((("If-None-Match", "*"),), None),
        ((("If-None-Match", ""),), None),
        ((("Minimum-Edition", "a lot"),), None),
        ((("Minimum-Edition", "-1"),), None),
        ((("Minimum-Edition", "9" * 30),), None),
    ],
)
def test_the_newest_edition_that_is_named_is_the_least(headers: tuple[tuple[str, str], ...], least: int | None) -> None:
    assert least_edition(asked(*headers)) == least


def test_a_cursor_and_a_credential_that_may_write_count_too() -> None:
    request = asked(("Minimum-Edition", "12"))
    require_edition(request, 20)
    require_edition(request, 3)
    assert least_edition(request) == 20
    require_primary(request)
    assert least_edition(request) is None
