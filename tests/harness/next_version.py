"""A version after the present one: its migrations are the two examples of docs/upgrading.md, as they stand there."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from alembic.config import Config

from app.db import alembic_config
from app.schema.standing import LOCATION, scripts

DOCUMENT = LOCATION.parent / "docs" / "upgrading.md"
EXAMPLES = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Only adds a column and a table; builds an index concurrently.
ADDS, INDEXES = "9042", "9043"
# The numbers of the document. The first example follows our newest migration.
NUMBERS = {"0042": ADDS, "0043": INDEXES}


def examples(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The text of each migration by its revision, with `changes` made in all of them."""
    numbers = {"0041": scripts().get_heads()[0], **NUMBERS}
    texts = [match[1] for match in EXAMPLES.finditer(DOCUMENT.read_text(encoding="utf-8"))]
    for old, new in [*numbers.items(), *(changes or {}).items()]:
        texts = [text.replace(old, new) for text in texts]
    return dict(zip((ADDS, INDEXES), texts, strict=True))


def write(versions: Path, texts: Mapping[str, str]) -> None:
    """Put these migrations beside others."""
    versions.mkdir(parents=True, exist_ok=True)
    for revision, text in texts.items():
        (versions / f"{revision}_next.py").write_text(text, encoding="utf-8")


def next_config(database_url: str, folder: Path, changes: Mapping[str, str] | None = None) -> Config:
    """Alembic's configuration of the next version, whose migrations are written below `folder`."""
    write(folder, examples(changes))
    config = alembic_config(database_url)
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{LOCATION / 'versions'}\n{folder}")
    return config


def next_code(folder: Path) -> Path:
    """A folder for PYTHONPATH: with it, the code of this tree has the migrations of the next version."""
    shutil.copytree(LOCATION, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    write(folder / "migrations" / "versions", examples())
    return folder
