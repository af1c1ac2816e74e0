"""Passwords through the client, over HTTP and within the process."""

from collections.abc import Iterator

import pytest

from tenantry import Client, errors
from tenantry.sdk import AccountManager
from tenantry.settings import Settings
from tests.installation import TRANSPORTS, Installation, installed

NEW = "quite another passphrase"


@pytest.fixture(params=TRANSPORTS)
def installation(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    with installed(request.param, settings, monkeypatch) as made:
        yield made


@pytest.fixture
def manager(installation: Installation) -> Iterator[AccountManager]:
    with Client(*installation.params) as client:
        yield client.account


def test_the_guides_policy_is_set_and_its_password_fits(manager: AccountManager) -> None:
    manager.create_user("john_doe", "secure_password123", "john@example.com")
    policy = manager.set_password_policy(
        min_length=12,
        require_uppercase=True,
        require_lowercase=True,
        require_numbers=True,
        require_special_chars=True,
        max_age_days=90,
        prevent_reuse_count=5,
    )
    assert (policy.min_length, policy.max_age_days, policy.tenant) == (12, 90, "default")
    assert "NIST SP 800-63B-4" in str(policy.warnings)
    assert manager.validate_password(password="MySecure123!", username="john_doe")
    assert not manager.validate_password("mysecure", "john_doe")
    codes = [violation.code for violation in manager.check_password("mysecure", "john_doe")]
    assert codes == ["too_short", "no_uppercase", "no_number", "no_special_char"]
    with pytest.raises(errors.UserNotFound):
        manager.validate_password("MySecure123!", "nobody")


def test_what_is_left_out_stays_and_none_goes_back_to_the_default(manager: AccountManager) -> None:
    manager.set_password_policy(min_length=20, max_age_days=90)
    changed = manager.set_password_policy(max_age_days=None)
    assert (changed.min_length, changed.max_age_days) == (20, None)
    assert manager.get_password_policy() == changed
    with pytest.raises(errors.InvalidInput) as refused:
        manager.set_password_policy(min_length=7, max_failed_attempts=101)
    fields = {violation.field for violation in refused.value.violations}
    assert fields == {"min_length", "max_failed_attempts"}
    with pytest.raises(errors.InvalidInput):
        manager.set_password_policy(min_length="many")  # type: ignore[arg-type]  # on purpose


def test_an_invited_person_and_one_who_lost_the_password_set_one_with_a_token(
    installation: Installation, manager: AccountManager
) -> None:
    with pytest.raises(errors.InvalidInput, match="password"):
        manager.invite_user("lena", mail=False, password=NEW)
    invited = manager.invite_user("lena", mail=False, department="R&D", badge=7)
    assert (invited.user.department, invited.user.attributes) == ("R&D", {"badge": 7})
    assert manager.reset_password(str(invited.token), NEW).username == "lena"
    with pytest.raises(errors.InvalidToken):
        manager.reset_password(str(invited.token), NEW)
    issued = manager.reset_user_password("lena", mail=False)
    manager.reset_password(str(issued.token), "and yet another passphrase")
    with Client(*installation.params[:2], "lena", "and yet another passphrase") as client:
        assert client.account.whoami().username == "lena"
    assert manager.request_password_reset("lena") == manager.request_password_reset("nobody")


def test_who_may_reset_passwords_and_no_more_resets_them_and_sets_none(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_role("helpdesk", permissions=["user.reset_password"])
    manager.create_user("lena", "the first passphrase")
    manager.create_user("jane", "a sound passphrase of hers", roles=["helpdesk"])
    with Client(*installation.params[:2], "jane", "a sound passphrase of hers") as client:
        with pytest.raises(errors.PermissionError):
            client.account.change_password("lena", NEW)
        issued = client.account.reset_user_password("lena", mail=False)
        assert client.account.reset_password(str(issued.token), NEW).username == "lena"
    with Client(*installation.params[:2], "lena", NEW) as client:
        assert client.account.whoami().username == "lena"


def test_who_does_not_comply_is_reported(manager: AccountManager) -> None:
    manager.create_user("lena")
    reported = {row.username: row.shortcomings for row in manager.report_passwords()}
    assert reported == {"lena": ["no_password"]}
