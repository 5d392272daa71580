"""What a person agrees to stands where the agreement is given: what is stored, where, how long, how it is erased."""

import json
from pathlib import Path

import pytest

FOLDER = Path("custom_components/home_sentry/translations")
WORDS = {
    "en": ("numbers", "no picture", "database", "face_retention_days", "erasing", "backup"),
    "de": ("Zahlen", "kein Bild", "Datenbank", "face_retention_days", "gelöscht", "Sicherung"),
}


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("action", ["household_enrol", "household_not_this"])
def test_the_field_says_what_is_agreed_to(language, action):
    texts = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    told = texts["services"][action]["fields"]["consent"]["description"]
    assert [word for word in WORDS[language] if word not in told] == []
