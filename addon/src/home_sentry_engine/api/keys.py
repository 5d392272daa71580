"""Keys made, changed and revoked; what changes counts at once, also for those who are connected."""

from collections.abc import Callable, Mapping

from home_sentry_engine.contract import ApiKey, ApiKeyList, ApiKeyMade

from .key_book import KeyBook
from .key_ports import KeyDesk, KeyWish
from .tokens import hash_of, new_token


class Keys:
    """Keys of the API, for REST and commands alike."""

    def __init__(
        self,
        desk: KeyDesk,
        book: KeyBook,
        changed: Callable[[], None],
        make_secret: Callable[[], str] = new_token,
    ) -> None:
        """Take where keys are kept, where they are looked up, and who wants to know of changes."""
        self._desk = desk
        self._book = book
        self._changed = changed
        self._make_secret = make_secret

    async def all(self) -> ApiKeyList:
        """Give every key, the newest first, without secrets."""
        return ApiKeyList(items=tuple(one.key for one in await self._desk.all()))

    async def make(self, wish: KeyWish) -> ApiKeyMade:
        """Make a key and show its secret this once; raises ``NotFound``, ``Conflict`` or ``Unprocessable``."""
        secret = self._make_secret()
        made = await self._desk.make(wish, hash_of(secret))
        await self._turn()
        return ApiKeyMade(key=made, token=secret)

    async def change(self, key_id: str, changes: Mapping[str, object]) -> ApiKey:
        """Change a key; raises ``NotFound``, ``Conflict`` or ``Unprocessable``."""
        changed = await self._desk.change(key_id, changes)
        await self._turn()
        return changed

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key for good; raises ``NotFound``."""
        revoked = await self._desk.revoke(key_id)
        await self._turn()
        return revoked

    async def _turn(self) -> None:
        await self._book.refresh()
        self._changed()
