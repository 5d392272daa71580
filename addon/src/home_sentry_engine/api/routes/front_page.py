"""The page that Home Assistant shows for the app: nothing that the open routes do not say to everybody."""

from typing import Final

from aiohttp import web

INGRESS: Final = "X-Ingress-Path"
"""The header by which Home Assistant names itself; anybody may send it."""
_HEADERS: Final = {
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
        "sandbox allow-top-navigation-by-user-activation"
    ),
}
_WORDS: Final = {
    "en": {
        "ready": "The engine is ready.",
        "degraded": "The engine works with limits.",
        "not_ready": "The engine cannot work at the moment.",
        "link": "What is limited, cameras and events: Home Sentry in Home Assistant",
    },
    "de": {
        "ready": "Die Engine ist bereit.",
        "degraded": "Die Engine arbeitet mit Einschränkungen.",
        "not_ready": "Die Engine kann gerade nicht arbeiten.",
        "link": "Einschränkungen, Kameras und Ereignisse: Home Sentry in Home Assistant",
    },
}
_PAGE: Final = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><title>Home Sentry</title>
<style>:root {{ color-scheme: light dark; font-family: sans-serif }} body {{ margin: 2rem }}</style>
<h1>Home Sentry</h1><p>{state}</p>
<p><a href="/config/integrations/integration/home_sentry" target="_top">{link}</a></p></html>
"""


def front_page(word: str, languages: str) -> web.Response:
    """Give the page for a word of ``/ready``, in German where that is asked for first, else in English."""
    language = "de" if languages.strip().lower().startswith("de") else "en"
    words = _WORDS[language]
    text = _PAGE.format(language=language, state=words[word], link=words["link"])
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
