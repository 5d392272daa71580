"""The MQTT broker that the settings name, if they do: does it let this engine in."""

from home_sentry_engine.broker.mqtt.opening import opened
from home_sentry_engine.broker.mqtt.ports import BrokerUnavailable
from home_sentry_engine.settings import Settings

from .findings import Finding, ok, warn

# a broker hangs up on the engine when another client takes its name
_NAME = "doctor"


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Call the broker and hang up again; nothing is told to it."""
    mqtt = settings.mqtt
    if mqtt.url is None:
        return ()
    try:
        async with opened(mqtt, name=_NAME, farewell=None):
            pass
    except BrokerUnavailable as err:
        return (warn("mqtt", f"{mqtt.url}: {err}; everything else works without it", err.fix),)
    return (ok("mqtt", f"{mqtt.url} lets this engine in"),)
