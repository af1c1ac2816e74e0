"""The packaged list of common passwords.

`scripts/common_passwords.py` makes it, in part from the frequency lists of zxcvbn, which are under
the MIT licence in `common_passwords.LICENSE`. The list is kept as one sorted text: a look-up takes
some microseconds and no more memory than the text has.
"""

import lzma
from functools import cache
from importlib.resources import files


def is_common(folded: str) -> bool:
    """Whether this, as a whole, is on the list. The text is compared in its folded form."""
    wanted = folded.encode(errors="surrogatepass")
    text = entries()
    low, high = 0, len(text)
    while low < high:
        start = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        entry = text[start:end]
        if entry == wanted:
            return True
        if entry < wanted:
            low = end + 1
        else:
            high = start
    return False


@cache
def entries() -> bytes:
    """The list, one entry a line, in the order of bytes; read once a process."""
    packed = files("tenantry.passwords").joinpath("common_passwords.txt.xz").read_bytes()
    return lzma.decompress(packed)
