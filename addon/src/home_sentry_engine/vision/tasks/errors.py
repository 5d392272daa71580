"""Why a graph or its answer is not what the task expects.

::

    StageError
    ├── UnsupportedGraph (Unavailable, ValueError)   inputs or outputs fit no contract, or not the card's
    └── MalformedOutput (Transient, ValueError)      NaN, wrong shape, scores outside 0..1, unknown class
"""

from home_sentry_engine.domain.errors import Transient, Unavailable


class UnsupportedGraph(Unavailable, ValueError):
    """The graph speaks no contract that this task knows; the sentence names its outputs."""


class MalformedOutput(Transient, ValueError):
    """The model gave something that is no answer; never to be taken for "nothing seen"."""
