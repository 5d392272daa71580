"""What every command that runs an engine begins with."""

import logging

import pytest

from home_sentry_engine.cli.common import start_logging
from home_sentry_engine.settings import load_settings


@pytest.mark.parametrize("key", ["detector_token", "enrichment_token", "florence_token", "clip_token", "llm_api_key"])
def test_no_line_tells_a_secret_of_the_settings(tmp_path, capsys, key):
    redactor = start_logging(load_settings(data=tmp_path, overrides={key: "swordfish-9"}))
    logging.getLogger("home_sentry_engine.test").warning("a server says %s", "swordfish-9 is wrong")
    (line,) = (one for one in capsys.readouterr().err.splitlines() if "a server says" in one)
    assert "is wrong" in line
    assert "swordfish-9" not in line
    assert "swordfish-9" not in redactor.clean("swordfish-9")
