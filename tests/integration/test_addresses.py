"""Addresses of engines as people type them."""

import pytest

from custom_components.home_sentry.client import InvalidAddress, engine_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.168.1.5", "http://192.168.1.5:8093"),
        (" engine.local:9000 ", "http://engine.local:9000"),
        ("http://engine.local/", "http://engine.local:80"),
        ("https://engine.local", "https://engine.local:443"),
        ("https://[fe80::1]:8093", "https://[fe80::1]:8093"),
    ],
)
def test_addresses_as_people_type_them(text: str, url: str) -> None:
    assert engine_url(text).removesuffix(":80").removesuffix(":443") == url.removesuffix(":80").removesuffix(":443")
    assert engine_url(engine_url(text)) == engine_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://a",
        "http://",
        "http://u:secret@a",
        "http://a/path",
        "http://a?token=b",
        "http://a#b",
        "http://a:b",
        "a b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        engine_url(text)
    assert "secret" not in str(caught.value)
