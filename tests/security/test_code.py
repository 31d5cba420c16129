"""What the code of annuaire never does, read from its syntax: rules of ASVS that no request can show."""

import ast
from collections.abc import Iterator

from tests.docs.markdown import ROOT

# Names that make code or objects of text, and hashes that are broken.
CODE_OF_TEXT = {"eval", "exec", "compile", "__import__", "pickle", "marshal", "shelve"}
WEAK = {"md5", "sha1", "new"}
# How long somebody waits before the next try, and which traces are kept.
UNGUARDED = {"app/admission.py", "app/schema/upgrade.py", "app/tracing/spans.py"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / "app").rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def found(names: set[str], tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in names:
                yield name
            case ast.Import(names=imported):
                yield from (each.name for each in imported if each.name in names)
            case ast.ImportFrom(module=str(name)) if name in names:
                yield name


def test_no_code_is_made_of_text() -> None:
    assert [(file, name) for file, tree in trees() for name in found(CODE_OF_TEXT, tree)] == []
    assert list(found(CODE_OF_TEXT, ast.parse("import pickle\neval('1')"))) == ["pickle", "eval"]


def test_cryptography_is_that_of_libraries_and_no_hash_is_broken() -> None:
    used = {
        (node.attr, file)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hashlib"
    }
    assert {name for name, _ in used} & WEAK == set()
    assert "sha256" in {name for name, _ in used}


def test_no_secret_comes_from_a_guessable_source() -> None:
    """The module random has its place in what is invented, in pauses and in lots, nowhere else."""
    users = [file for file, tree in trees() if "random" in set(found({"random"}, tree))]
    assert {file for file in users if not file.startswith("app/sandbox/")} == UNGUARDED


def test_no_other_origin_is_let_in() -> None:
    for _, tree in trees():
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not any("access-control-allow" in text.lower() for text in texts)
        assert "CORSMiddleware" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
