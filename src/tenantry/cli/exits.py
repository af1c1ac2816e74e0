"""Exit codes: a script can tell by the number what kind of failure it was."""

from typing import Final

from tenantry.errors import (
    AccountError,
    AuthenticationError,
    ConnectionError,
    InvalidInput,
    InvalidToken,
    Overloaded,
    PermissionError,
    StateConflict,
    TenantryError,
)

FAILED: Final = 1
USAGE: Final = 2
INVALID: Final = 7
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

MEANINGS: Final = {
    0: "It worked.",
    FAILED: "It failed for another reason than the ones below; `doctor` found a fault.",
    USAGE: "The command was not given as its help says.",
    3: "Not logged in, the session has ended, or the login was refused.",
    4: "You lack the permission.",
    5: "There is no such thing.",
    6: "It conflicts with what is there: a name is taken, or somebody else was faster.",
    INVALID: "A value was refused; for `user import`, a row was.",
    8: "The server cannot be reached or has too much to do; try again.",
    INTERRUPTED: "Interrupted (Ctrl-C).",
    PIPE_CLOSED: "Whoever read the output stopped reading.",
}

# The first class that fits decides.
_BY_CLASS: Final[tuple[tuple[type[TenantryError], int], ...]] = (
    (Overloaded, 8),
    (AuthenticationError, 3),
    (PermissionError, 4),
    (ConnectionError, 8),
    (InvalidInput, INVALID),
    (InvalidToken, INVALID),
    (StateConflict, 6),
)
# Each noun has errors of these names.
_BY_ENDING: Final = (("NotFound", 5), ("Conflict", 6))


def exit_code(error: TenantryError) -> int:
    """The code for an error."""
    for kind, code in _BY_CLASS:
        if isinstance(error, kind):
            return code
    for ending, code in _BY_ENDING:
        if isinstance(error, AccountError) and type(error).__name__.endswith(ending):
            return code
    return FAILED
