"""The web application below `/perennial`: every route behind one guard, all of them only read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep.ledger import Ledger
from perennial.release import record_page, recording
from perennial_airflow.page import pages
from perennial_airflow.page.documents import KINDS, found_below
from perennial_airflow.page.headers import ALWAYS, policy
from perennial_airflow.page.reading import Troubles, gates
from perennial_airflow.page.view import View, model_names, view_of

DOCS = "data_docs"


def make_app(
    find: Callable[[], Project], guard: Callable[..., Any], login: Callable[[str], str]
) -> FastAPI:
    """The application: `guard` refuses strangers, `login` tells where they may log in.

    FastAPI's own documentation pages are off, because no guard stands before them.
    """
    app = FastAPI(
        title="Perennial", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(guard)],
    )  # fmt: skip
    app.state.find, app.state.login = find, login
    for path, answer in ROUTES.items():
        app.add_api_route(path, answer, methods=["GET"], response_class=HTMLResponse)
    app.add_exception_handler(HTTPException, _refused)
    return app


def overview(request: Request) -> Response:
    """All models; the one model's page where there is only one."""
    project = _project(request)
    names = model_names(project)
    if len(names) == 1:
        return model(request, names[0])
    views = [view_of(project, name) for name in names]
    return _page(request, "overview.j2", views=views, **_gates(project))


def model(request: Request, name: str) -> Response:
    """Everything about one model."""
    project = _project(request)
    view = _view(project, name)
    return _page(request, "model.j2", view=view, names=model_names(project), **_gates(project))


def card(request: Request, name: str, version: str) -> Response:
    """The model card of a version, as it was written."""
    file = _view(_project(request), name).card_file(version)
    if file is None:
        raise HTTPException(404, f"No model card of {name} {version} is kept")
    text = file.read_text(encoding="utf-8")
    return _page(request, "card.j2", name=name, version=version, text=text)


def night(request: Request, name: str, at: str) -> Response:
    """The report of one night's watch, as it was written."""
    project = _project(request)
    _known(project, name)
    try:
        file = f"{date.fromisoformat(at)}.html"
    except ValueError as error:
        raise HTTPException(404, f"{at!r} is no night, such as 2024-03-01") from error
    return _document(project.var / "reports" / "watch" / name, file)


def release(request: Request, name: str, number: int) -> Response:
    """The page of one release, from the ledger and its kept measurements as they are now."""
    project = _project(request)
    _known(project, name)
    try:
        ledger = Ledger.of(project)
        try:
            found = recording.told(project, ledger, number)
        finally:
            ledger.engine.dispose()
    except UnavailableError as error:
        raise HTTPException(404, str(error)) from error
    except (SQLAlchemyError, OSError) as error:
        raise HTTPException(503, "The ledger does not answer") from error
    if found.release.model != name:
        raise HTTPException(404, f"Release {number} is none of {name}")
    headers = {**ALWAYS, "Content-Security-Policy": policy(runs_script=False)}
    return HTMLResponse(record_page.page(found), headers=headers)


def data_docs(request: Request, path: str = "index.html") -> Response:
    """Data Docs: the pages of Great Expectations, as they were written."""
    return _document(_project(request).var / "reports" / DOCS, path)


ROUTES: dict[str, Callable[..., Any]] = {
    "/": overview,
    "/models/{name}": model,
    "/models/{name}/versions/{version}/card": card,
    "/models/{name}/nights/{at}": night,
    "/models/{name}/releases/{number}": release,
    f"/{DOCS}/{{path:path}}": data_docs,
}


def _project(request: Request) -> Project:
    """Found anew for each answer, so that a new declaration shows without a restart."""
    found: Project = request.app.state.find()
    return found


def _known(project: Project, name: str) -> None:
    if name not in model_names(project):
        raise HTTPException(404, f"No model is called {name!r} (models are declared in models/)")


def _view(project: Project, name: str) -> View:
    _known(project, name)
    return view_of(project, name)


def _gates(project: Project) -> dict[str, Any]:
    troubles = Troubles()
    checked = gates(project, troubles)
    docs = found_below(project.var / "reports" / DOCS, "index.html")
    return {"gates": checked, "gate_troubles": troubles.sentences, "has_docs": docs is not None}


def _page(request: Request, template: str, status: int = 200, **content: Any) -> HTMLResponse:
    def link(route: str, /, **parts: str | int) -> str:
        return f"{request.scope['root_path']}{request.app.url_path_for(route, **parts)}"

    headers = {**ALWAYS, "Content-Security-Policy": policy(runs_script=True)}
    return HTMLResponse(
        pages.render(template, link=link, **content), status_code=status, headers=headers
    )


def _document(folder: Any, name: str) -> FileResponse:
    file = found_below(folder, name)
    if file is None:
        raise HTTPException(404, f"There is no {name}")
    headers = {**ALWAYS, "Content-Security-Policy": policy(runs_script=False)}
    return FileResponse(file, media_type=KINDS[file.suffix], headers=headers)


def _refused(request: Request, error: Exception) -> Response:
    """A stranger's browser is sent to the login; other refusals are a page of one sentence."""
    assert isinstance(error, HTTPException)
    reads_html = "text/html" in request.headers.get("accept", "")
    if error.status_code == 401 and reads_html:
        return RedirectResponse(request.app.state.login(request.url.path), 303, headers=ALWAYS)
    return _page(request, "refused.j2", error.status_code, status_code=error.status_code,
                 why=str(error.detail))  # fmt: skip
