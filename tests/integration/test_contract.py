"""The integration's side of the wire, with Home Assistant's versions of the libraries."""

import pytest

from custom_components.home_sentry import contract
from tests.contract import golden

CHECKS = [check for name, check in vars(golden).items() if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_wire(check) -> None:
    check(contract)
