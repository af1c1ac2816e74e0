"""The one server that the tests need and no package of Python brings along: MariaDB.

The tests start one of their own from its program; nothing is started here, and no service is
installed. The syntax is that of Python 3.8, as in environment.py and for the same reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import environment

PACKAGE = "mariadb-server-core"
"""Debian's package with the program alone: it starts no service, as ``mariadb-server`` would."""
PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin")
HOW = """The tests need a MariaDB server, and there is none. Install it:
  Debian, Ubuntu   apt-get install {package}
  Fedora           dnf install mariadb-server
  macOS            brew install mariadb
It need not run: the tests start one of their own from the program mariadbd."""


def find_mariadb() -> str | None:
    """Where the program is; the folders of servers are not on everybody's path."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    return shutil.which("mariadbd", path=path)


def ensure_mariadb() -> None:
    """Install it with apt where that can be done, or fail saying how; nothing if it is there."""
    if find_mariadb():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment.say(f"installing {PACKAGE}, which the tests need")
        install = ["apt-get", "install", "--yes", "--no-install-recommends", PACKAGE]
        if not _runs(install):
            _runs(["apt-get", "update"])
            _runs(install)
    if not find_mariadb():
        raise environment.SetupError(HOW.format(package=PACKAGE))


def _runs(command: list[str]) -> bool:
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(
        command, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        environment.say(done.stdout.decode("utf-8", "replace")[-2000:])
    return done.returncode == 0
