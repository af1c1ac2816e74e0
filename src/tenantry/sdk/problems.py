"""Answers that are no success, turned back into the errors that the server raised."""

from collections.abc import Iterator

import msgspec

from tenantry.errors import (
    AccountError,
    ConnectionError,
    InvalidInput,
    NotAuthenticated,
    PermissionError,
    TenantryError,
    Violation,
)


class _Broken(msgspec.Struct):
    field: str = ""
    code: str = "invalid"
    message: str = "is invalid"


class _Problem(msgspec.Struct):
    """What we read of an RFC 9457 document. A newer server may say more."""

    code: str = ""
    title: str = ""
    detail: str = ""
    request_id: str = ""
    field: str | None = None
    violations: list[_Broken] = []


def error_of(status: int, content: bytes) -> TenantryError:
    """The error that an answer stands for, also when a proxy in between has written it."""
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except (ValueError, RecursionError):
        problem = _Problem()
    error_type = _by_code().get(problem.code) or _by_status(status)
    message = problem.detail or problem.title
    if issubclass(error_type, InvalidInput):
        violations = [Violation(v.field, v.code, v.message) for v in problem.violations]
        return error_type(violations or [Violation(problem.field or "", problem.code, message)])
    if problem.code not in _by_code() and error_type in (AccountError, ConnectionError):
        message = _unforeseen(status, message, problem.request_id)
    return error_type(message, field=problem.field)


def _unforeseen(status: int, message: str, request_id: str) -> str:
    """The sentence for an answer that no error of ours stands behind."""
    reason = f": {message.rstrip('.')}" if message else " and no reason"
    found_by = f" (request {request_id})" if request_id else ""
    return f"The server answered with status {status}{reason}{found_by}."


def _by_code() -> dict[str, type[TenantryError]]:
    return {error_type.code: error_type for error_type in _family(TenantryError)}


def _family(error_type: type[TenantryError]) -> Iterator[type[TenantryError]]:
    for child in error_type.__subclasses__():
        yield child
        yield from _family(child)


def _by_status(status: int) -> type[TenantryError]:
    known: dict[int, type[TenantryError]] = {
        401: NotAuthenticated,
        403: PermissionError,
        413: InvalidInput,
    }
    if status in known:
        return known[status]
    return AccountError if 400 <= status < 500 else ConnectionError
