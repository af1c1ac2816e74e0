"""`tenantry user purge` and `vfolder purge`: asked first, followed until the end."""

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest

from tenantry.cli import bar, purging, session
from tenantry.cli.exits import USAGE
from tenantry.cli.main import main
from tenantry.errors import ConnectionError, VfolderNotFound
from tenantry.jobs.actions import GetJobAction, JobResult
from tenantry.jobs.model import Job, JobState
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.page import Page
from tenantry.storage.actions import (
    GetVfolderAction,
    ListVfoldersAction,
    PurgeVfolderAction,
    VfolderResult,
)
from tenantry.storage.model import VfolderData, VfolderStatus
from tenantry.users.actions import PreviewPurgeAction, PurgeResult, PurgeUserAction
from tenantry.users.purging import PurgeReceipt

from .conftest import Command

USER, JOB = UUID(int=7), UUID(int=8)
RECEIPT = PurgeReceipt(user_id=USER, username="john", steps={}, kept=[], done=False, job_id=JOB)


def folder(**fields: Any) -> VfolderData:
    empty = dict.fromkeys(VfolderData.__struct_fields__)
    known = {"id": UUID(int=9), "name": "data", "status": VfolderStatus.DELETING}
    return VfolderData(**{**empty, **known, **fields})


def job(**fields: Any) -> JobResult:
    empty = dict.fromkeys(Job.__struct_fields__)
    return JobResult(Job(**{**empty, "state": JobState.PENDING, **fields}))


class Server:
    """Answers from lists; the last answer of a kind is given again and again."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answers: dict[type, list[Any]] = {}

    async def run(self, action: Any) -> Any:
        self.asked.append(action)
        answers = self.answers[type(action)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Watched(bar.Bar):
    is_watched = True

    def __init__(self) -> None:
        self.seen: list[int] = []

    def left(self, steps: int) -> None:
        self.seen.append(steps)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The bar that a person would look at."""
    import contextlib

    watched = Watched()
    monkeypatch.setattr(purging, "bar", lambda what: contextlib.nullcontext(watched))
    monkeypatch.setattr(purging, "PAUSE", 0.01)
    return watched


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()

    def run_with(work: Callable[[Any], Any]) -> Any:
        return anyio.run(work, server)

    monkeypatch.setattr(session, "run_with", run_with)
    return server


def test_a_long_purge_is_followed_until_its_receipt(
    answering: Server, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    done = msgspec.to_builtins(msgspec.structs.replace(RECEIPT, username="purged-7", done=True))
    answering.answers = {
        PurgeUserAction: [PurgeResult(RECEIPT)],
        GetJobAction: [*[job()] * 20, job(state=JobState.DONE, receipt=done)],
        ListVfoldersAction: [
            Page([folder(files_left=900), folder(files_left=None)]),
            ConnectionError("busy"),
            Page([folder(files_left=400)]),
        ],
    }
    assert main(["user", "purge", "john", "--yes", "--purge-shared-vfolders"]) == 0
    assert watched.seen[:2] == [900, 400]
    out = capsys.readouterr().out
    assert "john" in out
    assert "purged-7" not in out
    first = answering.asked[0]
    assert first.purge_shared_vfolders == OptionalState.update(value=True)
    looked = ListVfoldersAction(owner="john", status=VfolderStatus.DELETING, limit=1000)
    assert looked in answering.asked


def test_a_step_that_fails_ends_the_waiting_and_names_the_job(
    answering: Server, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answers = {
        PurgeUserAction: [PurgeResult(RECEIPT)],
        GetJobAction: [job(), job(error="Agent far cannot be reached.")],
        ListVfoldersAction: [Page([])],
    }
    assert main(["user", "purge", "john", "--yes"]) != 0
    assert f"Agent far cannot be reached. Job {JOB} tries it again." in capsys.readouterr().err


def test_nobody_has_to_wait(answering: Server, watched: Watched) -> None:
    answering.answers = {
        PurgeUserAction: [PurgeResult(RECEIPT)],
        PurgeVfolderAction: [VfolderResult(folder(files_left=10))],
        ListVfoldersAction: [Page([])],
    }
    assert main(["user", "purge", "john", "--yes", "--no-wait"]) == 0
    assert main(["vfolder", "purge", "data", "--no-wait"]) == 0
    asked = {type(action) for action in answering.asked}
    assert asked - {ListVfoldersAction} == {PurgeUserAction, PurgeVfolderAction}


def test_who_does_not_say_yes_has_looked_only(
    answering: Server, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering.answers = {PreviewPurgeAction: [PurgeResult(RECEIPT)]}
    assert main(["user", "purge", "john", "--preview"]) == 0
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert main(["user", "purge", "john"]) != 0
    assert {type(action) for action in answering.asked} == {PreviewPurgeAction}


def test_where_nobody_can_be_asked_one_is_told_of_yes(
    answering: Server,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering.answers = {PreviewPurgeAction: [PurgeResult(RECEIPT)]}
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["user", "purge", "john"]) == USAGE
    assert "give --yes" in capsys.readouterr().err
    assert {type(action) for action in answering.asked} == {PreviewPurgeAction}


def test_an_answer_that_is_piped_in_counts(answering: Server, watched: Watched) -> None:
    answering.answers = {
        PreviewPurgeAction: [PurgeResult(RECEIPT)],
        PurgeUserAction: [PurgeResult(msgspec.structs.replace(RECEIPT, done=True))],
        ListVfoldersAction: [Page([])],
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("y\n"))
        assert main(["user", "purge", "john"]) == 0
    assert PurgeUserAction in {type(action) for action in answering.asked}


def test_a_deletion_is_followed_until_the_vfolder_is_gone(
    answering: Server, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answers = {
        PurgeVfolderAction: [VfolderResult(folder())],
        GetVfolderAction: [
            VfolderResult(folder(files_left=100_000)),
            VfolderResult(folder(files_left=20_000)),
            VfolderNotFound(),
        ],
    }
    assert main(["vfolder", "purge", "data", "--owner", "john"]) == 0
    assert answering.asked[0] == PurgeVfolderAction("data", owner="john")
    assert watched.seen == [100_000, 20_000]
    assert "gone" in capsys.readouterr().out


def test_a_storage_that_refuses_ends_the_waiting(
    answering: Server, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = folder(files_left=7, status_info="The storage cannot be reached.")
    answering.answers = {
        PurgeVfolderAction: [VfolderResult(folder())],
        GetVfolderAction: [VfolderResult(refused)],
    }
    assert main(["vfolder", "purge", "data"]) != 0
    assert "files left: 7" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with bar.bar("Working", 5) as shown:
        shown.advance(1)
        shown.left(2)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_most_that_was_left_is_the_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import click

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with click.Context(click.Command("x")), bar.bar("Deleting") as shown:
        shown.left(50)
        shown.left(80)
        shown.left(20)
    assert "60/80" in capsys.readouterr().err


def test_a_real_server_purges_a_user_and_a_vfolder(
    tenantry: Command, fresh_name: Callable[[], str]
) -> None:
    name = fresh_name()
    assert tenantry("user", "create", name).code == 0
    assert tenantry("vfolder", "create", "data", "--owner", name).code == 0
    assert tenantry("vfolder", "delete", "data", "--owner", name).code == 0
    gone = tenantry("vfolder", "purge", "data", "--owner", name, "--output", "json")
    assert (gone.code, gone.json["status"]) == (0, "gone")
    done = tenantry("user", "purge", name, "--yes")
    assert done.code == 0, done.err
    assert tenantry("user", "get", name).code != 0
