"""The guides' examples meet the system that all our tests share."""

from collections.abc import Iterator

import pytest

from tenantry.app import App
from tenantry.settings import Settings
from tenantry.testing.fixtures import create_user, database_engine, processors
from tests.guides.account_stage import Stage, staged
from tests.guides.printed import Printed, pages, title
from tests.installation import TRANSPORTS, installed

__all__ = ["create_user", "database_engine", "processors", "tenantry_app"]


@pytest.fixture
def tenantry_app(tenantry: App) -> App:
    """The fixtures of ``tenantry.testing`` work on this system."""
    return tenantry


@pytest.fixture(params=pages("account-guide.rst"), ids=title)
def account_guide(request: pytest.FixtureRequest) -> Printed:
    """The account guide: our own page, and the guide's where it is at hand."""
    return Printed.of(request.param)


@pytest.fixture(params=TRANSPORTS)
def stage(
    request: pytest.FixtureRequest,
    account_guide: Printed,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Stage]:
    """A fresh installation for a block of the account guide, in each transport."""
    with (
        installed(request.param, settings, monkeypatch) as installation,
        staged(account_guide, installation, capsys) as made,
    ):
        yield made
