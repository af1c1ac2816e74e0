"""Which PostgreSQL this machine has beside ours; connectors are tried on the oldest one, too."""

from pathlib import Path

FOLDERS = (
    "/usr/lib/postgresql/{}/bin",  # Debian, Ubuntu
    "/usr/pgsql-{}/bin",  # the packages of PostgreSQL itself
    "/opt/homebrew/opt/postgresql@{}/bin",
)
VERSIONS = range(15, 18)
"""Those that connectors are for, but for the one that Tenantry brings along."""

OTHERS = tuple(
    folder
    for version in VERSIONS
    for folder in (Path(form.format(version)) for form in FOLDERS)
    if (folder / "initdb").exists()
)
OLDEST = OTHERS[0] if OTHERS else None


def told() -> str:
    """What a run of the tests says of it."""
    if OLDEST is not None:
        return f"Connectors were tried on PostgreSQL in {OLDEST}, too."
    return (
        f"Connectors were tried on our own PostgreSQL only: there is none of {VERSIONS[0]} to"
        f" {VERSIONS[-1]} here, such as Debian's postgresql-15 brings. It is not needed."
    )
