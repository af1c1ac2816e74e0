"""Every environment variable of the server, in one place: its type, range, default and meaning.

`docs/reference/settings.md` has a row for each; a test compares the two. Reading is pure: the
mapping that is handed in, and the files that `TENANTRY_..._FILE` variables name.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from tenantry.environment import (
    MASK,
    PREFIX,
    Network,
    Variable,
    choice,
    folder,
    hosts,
    mailbox,
    mask_url,
    networks,
    postgres_url,
    read_variable,
    roots,
    seconds,
    setting,
    text,
    valkey_url,
    web_url,
    whole,
    word,
)
from tenantry.errors import ConfigurationError

# The client's own variables; the server has no use for them and lets them pass.
CLIENT_ONLY = ("USER", "PASSWORD", "DATABASE")


@dataclass(frozen=True, repr=False)
class Settings:
    """The server's settings; `from_environment` reads them, the defaults are for a first try."""

    host: str = setting("127.0.0.1", word, "Address the server listens on.")
    port: int = setting(
        8420, whole(0, 65535), "Port the server listens on; 0 takes any that is free."
    )
    data_dir: Path = setting(
        Path(".tenantry"),
        folder,
        "Folder of the embedded databases and of `connection.json`; relative to the folder the "
        "server is started in.",
    )
    database_url: str | None = setting(
        None,
        postgres_url,
        "PostgreSQL 15 or later as the application's role, which owns nothing; several hosts may "
        "be named.",
        shown="the embedded server",
        secret=True,
    )
    migration_database_url: str | None = setting(
        None,
        postgres_url,
        "The same database as the role that owns the tables; only migrations use it.",
        shown="`TENANTRY_DATABASE_URL`",
        secret=True,
    )
    postgres_bin: Path | None = setting(
        None,
        folder,
        "Folder with the programs of another PostgreSQL for the embedded server.",
        shown="the installed wheel",
    )
    valkey_url: str | None = setting(
        None,
        valkey_url,
        "Valkey or Redis server.",
        shown="the embedded server where its wheel is installed",
        secret=True,
    )
    secret_key_file: Path | None = setting(
        None,
        folder,
        "File with the keys that encrypt secrets in the database, one a line, the newest first.",
        shown="`secret.keys` in `TENANTRY_DATA_DIR`, made by the first start",
    )
    storage_roots: Mapping[str, Path] | None = setting(
        None,
        roots,
        "Places of vfolders, such as `fast=/srv/nvme,large=/srv/disks`; new ones go to the first.",
        shown="`local`, in `TENANTRY_DATA_DIR`",
    )
    admin_user: str = setting("root", word, "Username of the administrator the first start makes.")
    admin_password: str | None = setting(
        None,
        text,
        "Password of that administrator; a random one is printed once and written to "
        "`connection.json`.",
        shown="random",
        secret=True,
    )
    trusted_proxies: tuple[Network, ...] = setting(
        (),
        networks,
        "Addresses or networks, with commas between, of proxies whose word on a client's address "
        "is taken; `*` is refused.",
        shown="none",
    )
    public_url: str | None = setting(
        None,
        web_url,
        "Address under which people reach the server, for links and cookies.",
        shown="`http://HOST:PORT`",
    )
    managed_hosts: tuple[str | Network, ...] = setting(
        hosts("127.0.0.0/8,::1"),
        hosts,
        "Where managed databases may be: names of hosts, addresses, networks or folders of Unix "
        "sockets, with commas between. A name that is not listed is allowed where all its "
        "addresses are.",
        shown="`127.0.0.0/8,::1`",
    )
    drift_minutes: int = setting(
        15,
        whole(1, 10_080),
        "Minutes after which a managed database is compared with what is granted again.",
    )
    database_pool_min: int = setting(
        2, whole(0, 1000), "Connections to PostgreSQL that are kept open, for each of two roles."
    )
    database_pool_max: int = setting(
        10, whole(1, 1000), "Connections to PostgreSQL at most, for each process and role."
    )
    database_acquire_timeout: float = setting(
        1.0, seconds(0.01, 600), "Seconds a request waits for a free connection."
    )
    database_connect_timeout: float = setting(
        3.0, seconds(0.01, 600), "Seconds to open a connection, for each host."
    )
    statement_timeout: float = setting(
        5.0, seconds(0.01, 3600), "Seconds after which PostgreSQL gives up a statement."
    )
    lock_timeout: float = setting(
        2.0, seconds(0.01, 3600), "Seconds a statement waits for a row or table lock."
    )
    statement_cache_size: int = setting(
        256,
        whole(0, 100_000),
        "Prepared statements kept for each connection; 0 behind PgBouncer in transaction mode.",
    )
    decision_lag: float = setting(
        2.0,
        seconds(0.1, 60),
        "Seconds by which an answer from memory may be behind the database at most; whoever does "
        "not hear of changes for longer asks the database.",
    )
    decision_users: int = setting(
        1_000_000,
        whole(100, 100_000_000),
        "Users whose rights are kept in memory at most, about 0.5 KB each.",
    )
    decisions_kept: int = setting(
        131_072,
        whole(0, 100_000_000),
        "Answers that are kept as such until something changes; 0 for none.",
    )
    request_timeout: float = setting(
        10.0, seconds(0.1, 3600), "Seconds after which a request is answered with an error."
    )
    shutdown_timeout: float = setting(
        30.0, seconds(0, 3600), "Seconds that running requests get to finish when the server stops."
    )
    max_body_bytes: int = setting(
        65536, whole(1024, 16_777_216), "Largest body of a request, in bytes."
    )
    hash_memory_kib: int = setting(
        19456,
        whole(8, 4_194_304),
        "Memory of one password hash (Argon2id) in KiB; less than 19456 is below what OWASP asks "
        "for.",
    )
    hash_time_cost: int = setting(2, whole(1, 100), "Passes of one password hash.")
    hash_parallelism: int = setting(1, whole(1, 64), "Lanes of one password hash.")
    hash_threads: int | None = setting(
        None,
        whole(1, 256),
        "Password hashes computed at the same time.",
        shown="the number of processors",
    )
    hash_queue: int = setting(
        64, whole(0, 100_000), "Password hashes that may wait; more are answered with 503."
    )
    hash_wait: float = setting(
        2.0,
        seconds(0.01, 60),
        "Seconds that a password hash may wait for its turn; one that would wait longer is "
        "answered with 503 at once.",
    )
    session_idle_minutes: int = setting(
        60, whole(1, 43_200), "Minutes without use after which a session ends."
    )
    step_up_minutes: int = setting(
        15,
        whole(1, 1440),
        "Minutes after a proof of identity in which a session can do what is sensitive.",
    )
    max_sessions: int = setting(
        100,
        whole(1, 10_000),
        "Sessions of one user at once; for one more, the one unused for longest ends.",
    )
    session_max_hours: int = setting(24, whole(1, 8760), "Hours after which a session ends anyway.")
    max_failed_attempts: int = setting(
        10, whole(1, 100), "Failed logins in a row from one network that lock an account to it."
    )
    max_account_failures: int = setting(
        50,
        whole(1, 100),
        "Failed logins in a row from everywhere that lock an account to all networks but those "
        "from which its user has logged in.",
    )
    max_source_failures: int = setting(
        100,
        whole(1, 100_000),
        "Failed logins of one network at all accounts, within the minutes of a lockout, that lock "
        "it out.",
    )
    lockout_minutes: int = setting(15, whole(1, 525_600), "Minutes such a lockout holds.")
    login_delay: float = setting(
        2.0,
        seconds(0, 5),
        "Seconds that a login waits at most after some failures; 0 for no delay.",
    )
    reset_minutes: int = setting(
        60, whole(5, 1440), "Minutes that a link for setting a new password is good."
    )
    invitation_hours: int = setting(
        24, whole(1, 720), "Hours that an invitation to choose a password is good."
    )
    smtp_host: str | None = setting(
        None,
        word,
        "Server that takes mails; without one they are kept in `outgoing-mail` in "
        "`TENANTRY_DATA_DIR`.",
        shown="none",
    )
    smtp_port: int | None = setting(
        None,
        whole(1, 65535),
        "Port of the mail server.",
        shown="587, 465 or 25, as `TENANTRY_SMTP_SECURITY` says",
    )
    smtp_security: str = setting(
        "starttls",
        choice("starttls", "tls", "none"),
        "How the connection to the mail server is encrypted: starttls, tls or none.",
    )
    smtp_ca_file: Path | None = setting(
        None,
        folder,
        "File with the certificates that vouch for the mail server.",
        shown="those of the system",
    )
    smtp_user: str | None = setting(
        None, text, "Username at the mail server.", shown="no login there"
    )
    smtp_password: str | None = setting(
        None, text, "Password at the mail server.", shown="none", secret=True
    )
    smtp_from: tuple[str, str] = setting(
        ("Tenantry", "tenantry@localhost"),
        mailbox,
        "Whom mails come from, such as `Accounts <accounts@example.org>`.",
        shown="`Tenantry <tenantry@localhost>`",
    )
    smtp_timeout: float = setting(
        10.0, seconds(0.1, 600), "Seconds that handing over one mail may take."
    )
    job_retention_days: int = setting(
        90, whole(1, 36_500), "Days that jobs are kept after they are done, with their receipts."
    )
    audit_seal_seconds: float = setting(
        60.0, seconds(0.1, 86_400), "Seconds after which new audit entries are sealed."
    )
    audit_retention_months: int | None = setting(
        None,
        whole(1, 1200),
        "Whole months that audit entries are kept beside the present one; older ones are dropped.",
        shown="for ever",
    )
    audit_anchor: Path | None = setting(
        None,
        folder,
        "File that remembers the heads of the audit's chain, best where the database's superuser "
        "cannot write.",
        shown="`audit.anchor` in `TENANTRY_DATA_DIR`",
    )
    report_to: tuple[str, str] | None = setting(
        None,
        mailbox,
        "Who gets reports of actions by mail, such as `Watch <watch@example.org>`.",
        shown="nobody",
    )
    report_policy: str = setting(
        "error",
        choice("all", "error"),
        "Which actions are reported: all, or with error those that failed or were denied.",
    )
    report_minutes: int = setting(
        5, whole(1, 1440), "Minutes that one report covers, however much happens in them."
    )
    log_level: str = setting(
        "info",
        choice("debug", "info", "warning", "error"),
        "Least weight of what is logged: debug, info, warning or error.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read all settings, or raise one ConfigurationError that lists everything wrong."""
        problems = unknown_names(environ)
        values: dict[str, Any] = {}  # Any: the parser of each field gives the field's type
        for variable in VARIABLES:
            try:
                value = read_variable(environ, variable.name)
                if value is not None:
                    values[variable.field] = parse_value(variable, value)
            except ConfigurationError as error:
                problems.append(error.message)
        settings = cls(**values)
        problems += contradictions(settings)
        if problems:
            raise ConfigurationError("\n".join(problems), problems=tuple(problems))
        return settings

    @property
    def base_url(self) -> str:
        """The public address, or else the one listened on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Settings({', '.join(shown_fields(self))})"


def shown_fields(settings: Settings) -> list[str]:
    """Each field and its value, secrets masked."""
    shown: list[str] = []
    for variable in VARIABLES:
        value = getattr(settings, variable.field)
        if variable.secret and isinstance(value, str):
            value = mask_url(value) if "://" in value and variable.parse is not text else MASK
        shown.append(f"{variable.field}={value!r}")
    return shown


VARIABLES = tuple(
    Variable(
        name=declared.name.upper(),
        default=declared.metadata["shown"],
        meaning=declared.metadata["meaning"],
        parse=declared.metadata["parse"],
        secret=declared.metadata["secret"],
    )
    for declared in fields(Settings)
)


def parse_value(variable: Variable, value: str) -> object:
    """The value in its type; the message repeats it only where it cannot be a secret."""
    if not value and variable.field != "trusted_proxies":
        raise ConfigurationError(f"{variable.variable} is empty: unset it to take the default.")
    try:
        return variable.parse(value)
    except ValueError as error:
        said = "" if variable.secret else f" is {value[:80]!r}:"
        raise ConfigurationError(f"{variable.variable}{said} expected {error}.") from None


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each `TENANTRY_` name that nothing reads: a typing error must show."""
    plain = [v.variable for v in VARIABLES] + [PREFIX + name for name in CLIENT_ONLY]
    known = plain + [f"{name}_FILE" for name in plain]
    problems: list[str] = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            problems.append(f"{name} is not a setting; did you mean {nearest}?")
    return problems


def contradictions(settings: Settings) -> list[str]:
    """A sentence for each pair of settings that cannot both hold."""
    problems: list[str] = []
    if settings.database_pool_min > settings.database_pool_max:
        problems.append("TENANTRY_DATABASE_POOL_MIN is larger than TENANTRY_DATABASE_POOL_MAX.")
    if settings.hash_memory_kib < 8 * settings.hash_parallelism:
        problems.append("TENANTRY_HASH_MEMORY_KIB must be 8 times TENANTRY_HASH_PARALLELISM.")
    if settings.session_idle_minutes > 60 * settings.session_max_hours:
        problems.append("TENANTRY_SESSION_IDLE_MINUTES is longer than TENANTRY_SESSION_MAX_HOURS.")
    if (settings.smtp_user is None) != (settings.smtp_password is None):
        problems.append("TENANTRY_SMTP_USER and TENANTRY_SMTP_PASSWORD are good only together.")
    if settings.smtp_password and settings.smtp_security == "none":
        problems.append("TENANTRY_SMTP_PASSWORD needs TENANTRY_SMTP_SECURITY starttls or tls.")
    if settings.migration_database_url and not settings.database_url:
        problems.append("TENANTRY_MIGRATION_DATABASE_URL needs TENANTRY_DATABASE_URL beside it.")
    return problems
