"""The account manager in blocking form; every method follows from its asynchronous original."""

from typing import Any, Protocol

from tenantry.sdk.pages import BlockingPages
from tenantry.sdk.portal import Blocking, Portal
from tenantry.sdk.users import UserOperations


class Link(Protocol):
    """What a manager needs of its client; raises ConnectionError while it is not connected."""

    @property
    def portal(self) -> Portal: ...

    @property
    def operations(self) -> UserOperations: ...


class AccountManager:
    """All that one can do with accounts. Safe to share between threads, without a lock.

    Lists are walked lazily and completely. Errors are those of ``tenantry.errors``; each is an
    AccountError, an AuthenticationError, a PermissionError or a ConnectionError.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def portal(self) -> Portal:
        """Where the calls run."""
        return self._link.portal

    @property
    def operations(self) -> Any:  # Any: the descriptors below look methods up by name
        """The asynchronous originals."""
        return self._link.operations

    create_user = Blocking(UserOperations.create_user)
    get_user = Blocking(UserOperations.get_user)
    list_users = BlockingPages(UserOperations.list_users)
    search_users = BlockingPages(UserOperations.search_users)
    update_user = Blocking(UserOperations.update_user)
    change_password = Blocking(UserOperations.change_password)
    update_user_status = Blocking(UserOperations.update_user_status)
    soft_delete_user = Blocking(UserOperations.soft_delete_user)
    restore_user = Blocking(UserOperations.restore_user)
    whoami = Blocking(UserOperations.whoami)
