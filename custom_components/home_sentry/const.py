"""Names and numbers of the integration."""

from datetime import timedelta
from typing import Final

DOMAIN: Final = "home_sentry"
MANUFACTURER: Final = "Home Sentry"

EVENT_NEWS: Final = "home_sentry_event"
NEWS_VERSION: Final = 1

CONF_FINGERPRINT: Final = "fingerprint"
CONF_NEXT_FINGERPRINT: Final = "next_fingerprint"

OPTION_HALF_LIFE: Final = "half_life_min"
DEFAULT_HALF_LIFE_MIN: Final = 10
OPTION_ALARMS: Final = "home_alarms"
OPTION_PRESENCE: Final = "home_presence"
OPTION_CONTACTS: Final = "home_contacts"
OPTION_WEATHER: Final = "home_weather"
OPTION_SUN: Final = "home_sun"
OPTION_VISITORS: Final = "home_visitors"
OPTION_GUESTS: Final = "home_guests"

HOME_PAUSE_S: Final = 1.0
HOME_REPEAT: Final = timedelta(minutes=10)

STATUS_FALLBACK: Final = timedelta(minutes=5)
FIRST_STATE_S: Final = 15.0
SAVE_DELAY_S: Final = 1.0
SAVE_QUIET_DELAY_S: Final = 60.0
STORE_VERSION: Final = 1
STATE_LENGTH: Final = 255
