"""Failures of pictures in the user's words."""

from homeassistant.exceptions import HomeAssistantError

from .client import ClientError, NoPicture
from .const import DOMAIN


def unavailable(err: ClientError) -> HomeAssistantError:
    """Translate why a picture cannot be shown."""
    key = "no_picture" if isinstance(err, NoPicture) else "picture_failed"
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders={"reason": str(err)}
    )
