"""Many threads ask while one changes."""

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tenantry.decisions import engine
from tenantry.decisions.cache import Epoch
from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import RoleFacts, TenantFacts, UserFacts
from tenantry.privileges.model import Privilege

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TENANT, USER, ROLE, OTHER = uuid4(), uuid4(), uuid4(), uuid4()
SELECT = Privilege.SELECT
CHANGES = 1500


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    """Threads take turns as often as Python lets them."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def filled(cached: int) -> Decisions:
    decisions = Decisions(cached=cached, most_numbers=100)
    decisions.put_tenant(TenantFacts(TENANT))
    decisions.put_role(RoleFacts(ROLE))
    decisions.put_role(RoleFacts(OTHER))
    decisions.put_user(UserFacts(USER, TENANT, role_ids=frozenset({ROLE})), now=NOW)
    return decisions


def stale_answers(decisions: Decisions) -> int:
    """How often the one who changes is not told of the change, with others asking meanwhile."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            decisions.check(USER, SELECT, "sales", now=NOW)
            decisions.check(USER, SELECT, "sales", "public", now=NOW)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    stale = 0
    for number in range(CHANGES):
        given = frozenset({SELECT}) if number % 2 else frozenset[Privilege]()
        decisions.put_role(RoleFacts(ROLE, privileges=given))
        stale += decisions.check(USER, SELECT, "sales", now=NOW) is not bool(given)
    done.set()
    for thread in threads:
        thread.join()
    return stale


@pytest.mark.parametrize("cached", [0, 100])
def test_a_change_counts_at_once_however_many_ask(cached: int) -> None:
    assert stale_answers(filled(cached)) == 0


def test_decisions_without_an_epoch_would_be_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Epoch()
    monkeypatch.setattr(engine, "Epoch", lambda: only)
    assert stale_answers(filled(100)) > 0


class Interrupted(dict[int, Any]):  # Any: users as the engine keeps them
    """What the engine looks a user up in; another thread comes in between, once."""

    def __init__(self, users: dict[int, Any], meanwhile: Callable[[], None]) -> None:
        super().__init__(users)
        self._meanwhile: Callable[[], None] | None = meanwhile

    def __getitem__(self, key: int) -> Any:
        user = super().__getitem__(key)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return user


def mixed_answer() -> bool:
    """Whether a user may who left a role before the role got the right."""
    decisions = filled(0)
    assert not decisions.check(USER, SELECT, "sales", now=NOW)

    def change() -> None:
        user = UserFacts(USER, TENANT, role_ids=frozenset({OTHER}))
        decisions.put_user(user, now=NOW)
        decisions.put_role(RoleFacts(ROLE, privileges=frozenset({SELECT})))
        decisions.check(USER, SELECT, "sales", now=NOW)

    decisions._users.recent = Interrupted(decisions._users.recent, change)
    return decisions.check(USER, SELECT, "sales", now=NOW)


def test_no_answer_mixes_what_was_never_so_at_once() -> None:
    assert not mixed_answer()


def test_without_an_epoch_an_answer_would_mix_two_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Epoch()
    monkeypatch.setattr(engine, "Epoch", lambda: only)
    assert mixed_answer()
