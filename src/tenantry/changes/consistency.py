"""How new an answer must be that may come from memory."""

from enum import StrEnum
from typing import Annotated

import msgspec


class Consistency(StrEnum):
    """How sure an answer must be."""

    BOUNDED = "bounded"
    """From memory where it can be; never older than the bound that the settings say."""
    STRONG = "strong"
    """From the database, as of now."""


AtLeast = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=2**62,
        description="Version that the answer must know of, as a change has returned it",
    ),
]
HowSure = Annotated[
    Consistency,
    msgspec.Meta(description="bounded: from memory while that is fresh; strong: of this moment"),
]
