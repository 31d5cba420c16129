"""Every dependency is under a licence that may come in, and the page says which."""

import pytest

from release.licences import PAGE, LicenceNotAllowed, LicenceUnknown, judge, licence, written


def test_the_page_lists_every_library_with_its_licence() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), "run `make licences` and look at what it changed in docs/licences.md"
    assert "| psycopg | LGPL-3.0-only |" in page


@pytest.mark.parametrize(
    ("text", "run", "work"),
    [
        ("MIT", True, True),
        ("GPL-3.0-only", False, True),
        ("AGPL-3.0-only", False, False),
        ("AGPL-3.0-only OR MIT", True, True),
        ("MIT AND GPL-3.0-only", False, True),
        ("(MIT OR AGPL-3.0-only) AND AGPL-3.0-only", False, False),
    ],
)
def test_a_licence_is_judged_by_what_its_words_leave_to_choose(text: str, run: bool, work: bool) -> None:  # noqa: FBT001
    for is_run, is_allowed in ((True, run), (False, work)):
        if is_allowed:
            judge("library", text, is_run=is_run)
        else:
            with pytest.raises(LicenceNotAllowed, match="library is under"):
                judge("library", text, is_run=is_run)


def test_a_library_that_is_not_here_must_be_stated() -> None:
    with pytest.raises(LicenceUnknown, match="not installed"):
        licence("no-such-library")
