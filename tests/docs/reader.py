"""A reader who runs pytest on tests of the own, in a folder that knows nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

SECONDS = 180.0


def run_pytest(
    folder: Path, *options: str, first: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run all tests in the folder; ``first`` comes first on the path of modules."""
    environ = {n: v for n, v in os.environ.items() if not n.startswith(("TENANTRY_", "PYTEST_"))}
    paths = [*([str(first)] if first else []), *(path for path in sys.path if path)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder,
        env=environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
