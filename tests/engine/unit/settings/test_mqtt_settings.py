"""Settings of the MQTT broker: nothing by default, and errors that name the setting and no secret."""

from pathlib import Path

import pytest

from home_sentry_engine.settings import InvalidSettings, MqttSettings, load_settings

DATA = Path("/nowhere")


def mqtt(**raw) -> MqttSettings:
    return load_settings(
        data=DATA, environment={}, overrides={f"mqtt_{name}": value for name, value in raw.items()}
    ).mqtt


def test_nobody_is_told_by_default():
    assert mqtt() == MqttSettings(url=None, prefix="home_sentry", discovery=True)


@pytest.mark.parametrize(
    ("url", "host", "port", "secure"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtts://broker/", "broker", 8883, True),
        ("mqtt://192.168.1.5:2000", "192.168.1.5", 2000, False),
        ("mqtt://[fd00::5]:2000", "fd00::5", 2000, False),
    ],
)
def test_the_address_is_read(url, host, port, secure):
    settings = mqtt(url=url)
    assert (settings.host, settings.port, settings.secure) == (host, port, secure)


@pytest.mark.parametrize("prefix", ["home_sentry", "a/b-c/D_1"])
def test_a_prefix_may_have_levels(prefix):
    assert mqtt(prefix=prefix).prefix == prefix


ODD = ("http://x", "mqtt://", "mqtt://x/topic", "mqtt://x:0", "mqtt://x:99999", "mqtt://x?a=b", "x:1883", 5)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        *(
            ({"url": url}, "setting 'mqtt_url': must be an mqtt:// or mqtts:// address")
            for url in (
                "http://x",
                "mqtt://",
                "mqtt://x/topic",
                "mqtt://x:0",
                "mqtt://x:99999",
                "mqtt://x?a=b",
                "x:1883",
                5,
            )
        ),
        ({"url": "mqtt://me:PLANTED@x"}, "setting 'mqtt_url': must carry no user: they go into mqtt_username and"),
        *(
            ({"prefix": prefix}, "setting 'mqtt_prefix': must be letters, digits")
            for prefix in ("", "/a", "a/", "a//b", "a/+", "#", "$SYS", "a b", "a\n", 5, "a/" * 9 + "a")
        ),
        ({"username": ""}, "setting 'mqtt_username'"),
        ({"username": "me", "password": ["PLANTED"]}, "setting 'mqtt_password'"),
        ({"password": "PLANTED"}, "setting 'mqtt_password': needs 'mqtt_username' beside it"),
        ({"url": "mqtt://x", "ca": "ca.pem"}, "setting 'mqtt_ca': needs 'mqtt_url' with an mqtts:// address beside it"),
        ({"discovery": "perhaps"}, "setting 'mqtt_discovery'"),
    ],
)
def test_a_bad_value_names_the_setting_and_no_secret(raw, message):
    with pytest.raises(InvalidSettings) as err:
        mqtt(**raw)
    assert message in str(err.value)
    assert "PLANTED" not in str(err.value)


def test_the_password_is_not_shown():
    assert "PLANTED" not in repr(mqtt(url="mqtt://x", username="me", password="PLANTED"))
