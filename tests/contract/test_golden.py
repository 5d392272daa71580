"""The engine's side of the wire."""

import logging

import pytest

from home_sentry_engine import contract
from tests.contract import golden

CHECKS = [check for name, check in vars(golden).items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_wire(check):
    check(contract)


def test_a_skipped_message_leaves_one_line(caplog):
    with caplog.at_level(logging.INFO):
        golden.check_unknown_type(contract)
    assert len(caplog.records) == 1
    assert "fireworks" not in caplog.text


def test_the_schema_of_the_golden_files_is_the_current_one():
    hello = golden.MESSAGES["hello"]
    assert (hello["schema"], hello["min_schema"]) == (contract.SCHEMA, contract.MIN_SCHEMA)
    assert contract.is_compatible(schema=hello["schema"], min_schema=hello["min_schema"])
    assert not contract.is_compatible(schema=contract.SCHEMA + 5, min_schema=contract.SCHEMA + 1)
    assert not contract.is_compatible(schema=contract.MIN_SCHEMA - 1, min_schema=0)
