"""Named places where a test can have the process killed, to see that work resumes.

A test arms one in a process of its own; elsewhere the
call costs a look-up in an empty set.
"""

import os
import signal

_ARMED: set[str] = set()


def arm(*names: str) -> None:
    """Have the process killed when it comes to one of these."""
    _ARMED.update(names)


def failpoint(name: str) -> None:
    """Die here, as by ``kill -9``, if this place is armed."""
    if name in _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
