import json
import stat
from pathlib import Path

import pyotp

from .conftest import Command, Server


def test_right_after_the_first_start_login_just_works(stranger: Command, server: Server) -> None:
    done = stranger("login")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Logged in to {server.url} as root (superadmin in default).\n"
    assert stranger("whoami", "--output", "json").json["user"]["username"] == "root"


def test_the_session_is_for_the_owners_eyes_only(stranger: Command, server: Server) -> None:
    stranger("login")
    path = Path(stranger.environ["XDG_CONFIG_HOME"]) / "tenantry" / "session.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(json.loads(path.read_text())) == [server.url]
    path.chmod(0o644)
    refused = stranger("whoami")
    assert refused.code == 1
    assert "chmod 600" in refused.err


def test_logging_out_ends_the_session_on_the_server(stranger: Command) -> None:
    stranger("login")
    path = Path(stranger.environ["XDG_CONFIG_HOME"]) / "tenantry" / "session.json"
    kept = path.read_text()
    assert stranger("logout").code == 0
    assert stranger("whoami").code == 3
    path.write_text(kept)
    assert stranger("whoami").code == 3
    assert stranger("logout").code == 0


def test_without_a_login_a_command_says_how(stranger: Command) -> None:
    done = stranger("user", "list")
    assert done.code == 3
    assert "tenantry login" in done.err


def test_a_wrong_password_is_refused_without_repeating_it(stranger: Command) -> None:
    done = stranger("login", "root", "--password-file", "-", stdin="hunter2-hunter2")
    assert done.code == 3
    assert "hunter2" not in done.err + done.out


def test_a_password_that_was_found_goes_to_no_other_server(
    stranger: Command, server: Server
) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    done = stranger("login", "--server", other)
    assert done.code == 2
    assert "--password-file" in done.err


def test_a_server_that_is_away_has_a_code_of_its_own(stranger: Command) -> None:
    done = stranger(
        "login", "root", "--password-file", "-", "--server", "http://127.0.0.1:9", stdin="x"
    )
    assert done.code == 8
    assert "127.0.0.1:9" in done.err


def test_the_doctor_finds_all_well(tenantry: Command) -> None:
    done = tenantry("doctor", "--output", "ndjson")
    found = {line["check"]: line["state"] for line in done.lines}
    assert done.code == 0, done.out
    assert found["server"] == found["clock"] == found["database"] == found["login"] == "ok"


def test_the_doctor_finds_what_is_wrong(offline: Command) -> None:
    ill = offline.with_environment(TENANTRY_POTR="1")
    done = ill("doctor", "--server", "http://127.0.0.1:9", "--output", "json")
    found = {line["check"]: line["state"] for line in done.json}
    assert done.code == 1
    assert found["settings"] == found["server"] == "fail"
    assert found["login"] == "warn"


def test_a_second_factor_is_enrolled_and_asked_for(stranger: Command, tmp_path: Path) -> None:
    password, code = tmp_path / "password", tmp_path / "code"
    password.write_text("a sound passphrase\n")
    assert stranger("login").code == 0
    made = stranger("user", "create", "tina", "--password-file", str(password))
    assert made.code == 0, made.err
    assert stranger("login", "tina", "--password-file", str(password)).code == 0
    enrolled = stranger(
        "second-factor", "enrol", "--password-file", str(password), "--output", "json"
    )
    phone = pyotp.TOTP(enrolled.json["secret"])
    code.write_text(f"{phone.now()}\n")
    proven = stranger("second-factor", "prove", "--code-file", str(code), "--output", "json")
    assert proven.code == 0, proven.err
    # All sessions have ended, and the one that asked goes on as a new one.
    assert stranger("whoami", "--output", "json").json["user"]["username"] == "tina"
    without = stranger("login", "tina", "--password-file", str(password))
    assert without.code == 2
    assert "--code-file" in without.err
    code.write_text(proven.json["recovery_codes"][0] + "\n")
    done = stranger("login", "tina", "--password-file", str(password), "--code-file", str(code))
    assert done.out.endswith("as tina (user in default).\n")
    code.write_text(proven.json["recovery_codes"][1] + "\n")
    proof = ("--password-file", str(password), "--code-file", str(code))
    removed = stranger("second-factor", "remove-own", *proof)
    assert removed.code == 0, removed.err
    assert stranger("whoami").code == 0
