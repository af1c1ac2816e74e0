"""The set-up script: what it says when something is missing, and when it has nothing to do."""

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"

NO_NETWORK = "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution"


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("bootstrap")


@pytest.fixture
def environment(bootstrap: ModuleType) -> ModuleType:
    return importlib.import_module("environment")


@pytest.fixture
def checkout(environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with what the stamp depends on and a `.venv` that looks made; the stamp is not."""
    packages = [tmp_path, tmp_path / "compat"]
    for package in packages:
        package.mkdir(exist_ok=True)
        (package / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements").mkdir()
    for name in ("uv.txt", "dev.txt"):
        (tmp_path / "requirements" / name).write_text("one==1\n")
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "BIN": venv / "bin",
        "EXE": "",
        "PEERS": tmp_path / ".venv-peers",
        "STAMP": venv / "setup.stamp",
        "LOG": venv / "setup.log",
        "LOCKS": tmp_path / "requirements",
        "PACKAGES": packages,
        "running_version": lambda: (3, 12),
    }.items():
        monkeypatch.setattr(environment, name, value)
    return tmp_path


@pytest.mark.parametrize("name", ["bootstrap.py", "environment.py", "servers.py"])
def test_an_old_python_can_read_it(name: str) -> None:
    source = (SCRIPTS / name).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names | {"environment", "servers"}


def test_an_old_python_alone_is_told_what_to_install(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "running_version", lambda: (3, 9))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(environment.SetupError) as caught:
        environment.find_python()
    assert "needs Python 3.11 or later. This is Python 3.9" in str(caught.value)
    assert "apt-get install python3.11 python3.11-venv" in str(caught.value)


def test_an_old_python_finds_the_newest_that_runs(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"/bin/python3.13": None, "/bin/python3.12": (3, 12), "/bin/python3.11": (3, 11)}
    monkeypatch.setattr(environment, "running_version", lambda: (3, 8))
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(environment, "version_of", runs.get)
    assert environment.find_python() == ("/bin/python3.12", (3, 12))


def test_a_program_that_is_no_python_has_no_version(environment: ModuleType) -> None:
    assert environment.version_of("false") is None
    assert environment.version_of("/nowhere/python3") is None
    assert environment.version_of(sys.executable) == sys.version_info[:2]


def test_a_missing_venv_module_names_its_package(environment: ModuleType) -> None:
    python = environment.Interpreter("false", (3, 11))
    with pytest.raises(environment.SetupError, match=r"sudo apt-get install python3\.11-venv"):
        environment.require_venv_modules(python)


@pytest.mark.usefixtures("checkout")
def test_a_missing_network_is_said_plainly(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "attempt", lambda command: f"Traceback\n{NO_NETWORK}")
    with pytest.raises(environment.SetupError) as caught:
        environment.install(environment.running_version())
    assert str(caught.value).startswith("No network")
    assert "Traceback" not in str(caught.value)


def test_an_unwritable_folder_is_named(
    environment: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "file").touch()
    monkeypatch.setattr(environment, "VENV", checkout / "file" / ".venv")
    monkeypatch.setattr(environment, "require_venv_modules", lambda python: None)
    with pytest.raises(environment.SetupError, match="cannot be written"):
        environment.make_venv(environment.Interpreter(sys.executable, (3, 12)))


@pytest.mark.parametrize("broken", ["uv cannot be installed", "uv fails"])
@pytest.mark.usefixtures("checkout")
def test_pip_steps_in_for_uv(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    done: list[Sequence[str]] = []

    def attempt(command: Sequence[str]) -> str | None:
        installs_uv = command[-1].endswith("uv.txt")
        runs_uv = command[0].endswith("uv")
        if (installs_uv and broken == "uv cannot be installed") or runs_uv:
            return "no such wheel"
        done.append(command)
        return None

    monkeypatch.setattr(environment, "attempt", attempt)
    environment.install((3, 12))
    assert [command[1:3] for command in done[-3:-1]] == [["-m", "pip"]] * 2
    assert environment.is_ready()


def test_setting_up_leaves_nothing_to_compile_for_the_first_start(
    environment: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = checkout / "src" / "ours.py"
    ours.parent.mkdir()
    ours.write_text("first = 1\n")
    broken = checkout / ".venv" / "lib" / "data_of_a_package.py"
    broken.parent.mkdir()
    broken.write_text("no python\n")
    (broken.parent / "theirs.py").write_text("second = 2\n")
    monkeypatch.setattr(environment, "program", lambda name: Path(sys.executable))
    monkeypatch.setattr(environment, "install_uv", lambda: True)
    monkeypatch.setattr(environment, "install_locked", lambda have_uv: None)
    monkeypatch.setattr(environment, "install_ourselves", lambda have_uv: None)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment.install((3, 12))
    assert Path(importlib.util.cache_from_source(str(ours))).is_file()
    assert Path(importlib.util.cache_from_source(str(broken.parent / "theirs.py"))).is_file()
    assert environment.is_ready()


def test_the_stamp_tells_whether_there_is_work(environment: ModuleType, checkout: Path) -> None:
    assert not environment.is_ready()
    environment.STAMP.write_text(environment.fingerprint((3, 12)))
    assert environment.is_ready()
    for manifest in ("requirements/dev.txt", "requirements/uv.txt", "compat/pyproject.toml"):
        before = (checkout / manifest).read_text()
        (checkout / manifest).write_text("changed")
        assert not environment.is_ready()
        (checkout / manifest).write_text(before)
    assert environment.is_ready()


def test_the_engines_to_compare_with_are_installed_once_for_each_lock_file(
    environment: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Sequence[str]] = []

    def attempt(command: Sequence[str]) -> str | None:
        (checkout / ".venv-peers").mkdir(exist_ok=True)
        done.append(command)
        return None

    monkeypatch.setattr(environment, "attempt", attempt)
    lock = checkout / "requirements" / "peers.txt"
    for content, steps in (("one==1", 2), ("one==1", 2), ("one==2", 4)):
        lock.write_text(content)
        environment.ensure_peers()
        assert len(done) == steps
    assert "--require-hashes" in done[-1]
    monkeypatch.setattr(environment, "attempt", lambda command: "no such wheel")
    lock.write_text("one==3")
    with pytest.raises(environment.SetupError, match="engines"):
        environment.ensure_peers()


def test_another_python_means_work(
    environment: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.STAMP.write_text(environment.fingerprint((3, 12)))
    monkeypatch.setattr(environment, "running_version", lambda: (3, 13))
    assert not environment.is_ready()
    monkeypatch.setattr(environment, "running_version", lambda: (3, 8))
    assert environment.is_ready()
    (checkout / ".venv" / "bin" / "python").unlink()
    assert not environment.is_ready()


@pytest.mark.usefixtures("checkout")
def test_nothing_is_done_when_all_is_there(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.STAMP.write_text(environment.fingerprint((3, 12)))
    monkeypatch.setattr(environment, "install", lambda version: pytest.fail("there was no work"))
    environment.ensure()


@pytest.mark.usefixtures("checkout")
def test_a_killed_set_up_begins_anew_and_a_refused_one_keeps_the_old(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(error: BaseException) -> Callable[[], None]:
        def install_uv() -> None:
            raise error

        return install_uv

    environment.STAMP.write_text("before")
    monkeypatch.setattr(environment, "install_uv", raising(environment.SetupError("no network")))
    with pytest.raises(environment.SetupError):
        environment.install((3, 12))
    assert environment.STAMP.read_text() == "before"
    monkeypatch.setattr(environment, "install_uv", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        environment.install((3, 12))
    assert environment.environment_version() is None


def test_checks_stop_at_the_first_that_fails(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[str] = []

    def call(command: Sequence[str]) -> int:
        called.append(command[0])
        return 3 if command[0] == "mypy" else 0

    monkeypatch.setattr(bootstrap, "call", call)
    monkeypatch.setattr(bootstrap.environment, "ensure", lambda: None)
    assert bootstrap.main(["test", "--", "-k", "login"]) == 3
    assert called == ["ruff", "ruff", "mypy"]
    said = capsys.readouterr().out
    assert re.search(r"FAILED: mypy \(exit 3, [\d.]+ s\)", said)
    assert "\033" not in said


def test_all_checks_run_before_it_is_green(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[Sequence[str]] = []

    def call(command: Sequence[str]) -> int:
        called.append(command)
        return 0

    monkeypatch.setattr(bootstrap, "call", call)
    monkeypatch.setattr(bootstrap.environment, "ensure", lambda: None)
    assert bootstrap.main(["test", "--", "-k", "login"]) == 0
    assert called == [*bootstrap.CHECKS, ("pytest", "-k", "login")]
    assert "all 6 checks passed" in capsys.readouterr().out


def test_an_unknown_command_lists_the_known(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(["tset"]) == 2
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in bootstrap.COMMANDS)


def test_make_has_the_same_commands(bootstrap: ModuleType) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*## \S", makefile, flags=re.MULTILINE)
    assert sorted(targets) == sorted(bootstrap.COMMANDS)
