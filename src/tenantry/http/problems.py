"""Errors as answers: RFC 9457 problems with the error's code and the field.

An answer says what the caller can mend. What went wrong inside stays in the log, found again by
the request id; there is never a stack, a statement or a version in an answer.
"""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tenantry.errors import (
    AccountError,
    AuthenticationError,
    ConnectionError,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    NotAuthenticated,
    Overloaded,
    PermissionError,
    TenantryError,
    Violation,
)
from tenantry.http.refusal import Refusal

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"

_MOST_VIOLATIONS = 100
_LONGEST_TEXT = 1000

# The nearest class in an error's line of descent decides.
STATUS: dict[type[Exception], int] = {
    InvalidInput: 422,
    InvalidToken: 410,
    AccountError: 400,
    NotAuthenticated: 401,
    InvalidCredentials: 401,
    Overloaded: 503,
    AuthenticationError: 503,
    PermissionError: 403,
    ConnectionError: 503,
}

# Each noun has such errors of its own, and they share no base but AccountError.
_OF_A_NOUN = {"NotFound": 404, "Conflict": 409}

logger = logging.getLogger(__name__)


class ProblemViolation(msgspec.Struct, frozen=True):
    """One broken rule: the field's name, a stable code, a sentence."""

    field: str
    code: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request was answered with instead of a result."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | None = None
    field: str | None = None
    violations: list[ProblemViolation] = []


def status_of(error: Exception) -> int:
    """The status that an error is answered with; 500 for what nobody foresaw."""
    for kind in type(error).__mro__:
        if issubclass(kind, AccountError):
            for ending, status in _OF_A_NOUN.items():
                if kind.__name__.endswith(ending):
                    return status
        if kind in STATUS:
            return STATUS[kind]
    return 500


def answer_to(error: Exception, request_id: str) -> Response:
    """The answer to a request that failed; logs what is nobody's fault but ours."""
    if isinstance(error, Refusal):
        problem = _problem(error.status, error.code, request_id, error.detail, error.field)
        return _response(problem, error.headers)
    if isinstance(error, HTTPException):
        return _response(_of_router(error, request_id), error.headers or {})
    status = status_of(error)
    if status == 500:
        logger.error("request %s failed", request_id, exc_info=error)
    if status == 500 or not isinstance(error, TenantryError):
        return _response(_problem(500, "internal_error", request_id), {})
    violations = error.violations if isinstance(error, InvalidInput) else ()
    problem = _problem(status, error.code, request_id, error.message, error.field, violations)
    return _response(problem, _headers(status))


def _headers(status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": RETRY_AFTER} if status == 503 else {}


def _of_router(error: HTTPException, request_id: str) -> Problem:
    if error.status_code == 405:
        return _problem(405, "method_not_allowed", request_id, "There is no such method here.")
    return _problem(404, "not_found", request_id, "There is nothing at this address.")


def _problem(
    status: int,
    code: str,
    request_id: str,
    detail: str | None = None,
    field: str | None = None,
    violations: Iterable[Violation] = (),
) -> Problem:
    listed = [ProblemViolation(_clean(v.field), v.code, _clean(v.message)) for v in violations]
    return Problem(
        type=f"urn:tenantry:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        request_id=request_id,
        detail=None if detail is None else _clean(detail),
        field=None if field is None else _clean(field),
        violations=listed[:_MOST_VIOLATIONS],
    )


def _clean(text: str) -> str:
    """Text that any client can decode and show, of a bearable length."""
    return text[:_LONGEST_TEXT].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _response(problem: Problem, headers: Mapping[str, str]) -> Response:
    return Response(
        msgspec.json.encode(problem), problem.status, dict(headers), media_type=MEDIA_TYPE
    )
