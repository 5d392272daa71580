"""Commands about the keys of the API; they are for administrators."""

from typing import Any

from .deeds import CommandRule
from .key_fields import KEY_CHANGE_FIELDS, KEY_ID, NEW_KEY_FIELDS, changes_of, wish_of
from .keys import Keys
from .limits import LimitClass
from .triage_fields import USER


def key_rules(keys: Keys) -> tuple[CommandRule, ...]:
    """Give the commands; ``create_key`` shows the secret this once."""

    async def listed(_args: dict[str, Any]) -> object:
        return await keys.all()

    async def create(args: dict[str, Any]) -> object:
        return await keys.make(wish_of(args))

    async def change(args: dict[str, Any]) -> object:
        return await keys.change(args["key_id"], changes_of(args))

    async def revoke(args: dict[str, Any]) -> object:
        return await keys.revoke(args["key_id"])

    new, changed = (*NEW_KEY_FIELDS, USER), (KEY_ID, *KEY_CHANGE_FIELDS, USER)
    return (
        CommandRule(name="list_keys", fields=(), answer=listed),
        CommandRule(name="create_key", fields=new, answer=create, audited="key.create", limit=LimitClass.BULK),
        CommandRule(name="change_key", fields=changed, answer=change, audited="key.change"),
        CommandRule(name="revoke_key", fields=(KEY_ID, USER), answer=revoke, audited="key.revoke"),
    )
