"""What the component of the camera folder tells."""

from home_sentry_engine.app.folders import component_of
from home_sentry_engine.contract import ComponentState
from home_sentry_engine.ingest.folder import FolderStatus


def test_of_many_folders_that_are_refused_the_first_are_named():
    status = FolderStatus(
        running=True,
        polling=False,
        reason=None,
        problem=None,
        folders=9,
        waiting=0,
        settling=0,
        overflows=0,
        sweeps=1,
        refused_folders={f"Yard {number}": "yard" for number in range(1000)},
    )
    told = component_of(status, "cameras")
    assert told.state is ComponentState.DEGRADED
    assert (told.reason or "").endswith("'Yard 100' (as 'yard'), 'Yard 101' (as 'yard') and 995 more")
    assert told.fix == "rename one of the folders"
