"""What is said about the API, served by us: its description, `/docs`, and a page for each problem code."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response

from app.problems import UnknownRoute

ASSETS = Path(__file__).parent / "assets"
PROBLEM_PAGES = Path(__file__).parent.parent / "openapi" / "problems"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
SERVED = ("swagger-ui-bundle.js", "swagger-ui.css", "docs.js")
# Swagger UI draws its icons from data: URLs and sets styles on elements.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def read_openapi(request: Request) -> Response:
    """The description of the API for programs."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def read_docs() -> Response:
    """The description of the API for people."""
    return _file("docs.html")


@router.get("/docs/{asset}")
async def read_asset(asset: str) -> Response:
    """The few files that this page needs."""
    if asset not in SERVED:
        raise UnknownRoute("See /docs.")
    return _file(asset)


@router.get("/problems/{slug}")
async def read_problem(slug: Annotated[str, PathParameter(pattern=r"^[a-z-]{1,60}$")]) -> Response:
    """What a problem code means and what to do."""
    page = PROBLEM_PAGES / f"{slug}.md"
    if not page.is_file():
        raise UnknownRoute("There is no such problem code.")
    return Response(page.read_bytes(), media_type="text/plain; charset=utf-8")


def _file(name: str) -> Response:
    path = ASSETS / name
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return Response(path.read_bytes(), headers=headers, media_type=MEDIA_TYPES[path.suffix])
