"""The changelog as a page of the site."""

from extension.links import ROOT, rewritten


def page() -> str:
    """`CHANGELOG.md`, whose links begin at the top of the checkout."""
    return rewritten((ROOT / "CHANGELOG.md").read_text("utf-8"), ROOT)
