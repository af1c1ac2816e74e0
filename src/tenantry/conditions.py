"""Searches by conditions from a closed list: what was asked becomes clauses, values stay bound."""

from collections.abc import Mapping, Sequence

Asked = Sequence[tuple[str, object]]
"""Names of conditions, each with its value, or a tuple where it takes several."""


def bound(
    known: Mapping[str, str], asked: Asked, before: Sequence[object] = ()
) -> tuple[list[str], list[object]]:
    """The clauses of the conditions asked for, and the arguments that their places stand for.

    ``known`` maps a name to SQL in which {0}, {1} are the places of its values; KeyError for a
    name that is not among them. Places are numbered on from the arguments ``before`` them.
    """
    clauses: list[str] = []
    arguments = list(before)
    for name, value in asked:
        values = value if isinstance(value, tuple) else (value,)
        places = [f"${len(arguments) + i}" for i in range(1, len(values) + 1)]
        clauses.append(known[name].format(*places))
        arguments.extend(values)
    return clauses, arguments
