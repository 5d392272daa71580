"""Each error of the API leads to a line of the documentation that explains it."""

from collections.abc import Iterator
import json
from pathlib import Path
import re

import pytest

from home_sentry_engine.api.problems import problem_response
from home_sentry_engine.contract import WireError, errors

DOCS = Path(__file__).parents[4] / "addon" / "DOCS.md"
LINE = re.compile(r'^\| <a id="([a-z-]+)"></a>`([a-z_]+)` \| (\d+) \| \S.* \|$', re.MULTILINE)


def kinds() -> Iterator[type[WireError]]:
    for one in vars(errors).values():
        if isinstance(one, type) and issubclass(one, WireError) and one is not WireError:
            yield one


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_the_address_of_an_error_is_that_of_its_line(kind):
    told = {code: (anchor, int(status)) for anchor, code, status in LINE.findall(DOCS.read_text(encoding="utf-8"))}
    answer = problem_response(kind("it went wrong"), "r1")
    problem = json.loads(answer.text or "")
    page, _, anchor = problem["type"].rpartition("#")
    assert page.endswith("/addon/DOCS.md")
    assert told[kind.code] == (anchor, kind.status)
