"""A request refused for its form, before it becomes an action."""

from collections.abc import Mapping


class Refusal(Exception):
    """The answer to a request that is no action: its status, a stable code, a sentence.

    Not one of the account system's errors: only the HTTP face can raise it and only it answers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})
        super().__init__(detail)
