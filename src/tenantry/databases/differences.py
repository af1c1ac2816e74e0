"""How a server differs, as it is remembered: counted, and told apart from earlier. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tenantry.databases.model import Step


@dataclass(frozen=True, slots=True)
class Differences:
    """How many of which kind, and a digest of just these; None where there are none."""

    counts: Mapping[str, int]
    digest: bytes | None


def differences_in(steps: Iterable[Step]) -> Differences:
    """What these steps would mend.

    The digest is of single rights: which of them one statement mends depends on all others.
    """
    counts: Counter[str] = Counter()
    parts: set[str] = set()
    for step in steps:
        counts[step.drift.value] += 1
        said = {repr(("takes", *right)) for right in step.takes}
        said |= {repr(("gives", *right)) for right in step.gives}
        parts |= said or {step.statement}
    if not parts:
        return Differences(counts, None)
    text = "\n".join(sorted(parts)).encode(errors="surrogatepass")
    return Differences(counts, hashlib.blake2b(text, digest_size=16).digest())
