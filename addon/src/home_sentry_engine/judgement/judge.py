"""The door of the room: one object that judges."""

from collections.abc import Sequence

from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene, Verdict
from home_sentry_engine.domain.risk import Bands

from .evidence import EVIDENCE_TABLE, EvidenceRule
from .factors import Points
from .fuse import fuse
from .pictures import score_pictures
from .rulescore import score_scene


class Judge:
    """Judges scenes by rules and joins the verdict with a model's; pure, keeps nothing between calls."""

    def __init__(
        self,
        *,
        points: Points | None = None,
        table: Sequence[EvidenceRule] = EVIDENCE_TABLE,
        bands: Bands | None = None,
    ) -> None:
        """Take the points of the factors, the rows of floors and ceilings, and where the levels begin."""
        self._points = points or Points()
        self._table = tuple(table)
        self._bands = bands or Bands()

    def rule(self, scene: Scene) -> RuleVerdict:
        """Judge by rules alone; about a millisecond."""
        return score_pictures(scene, self._by_rules, self._bands)

    def fuse(self, rule: RuleVerdict, model: ModelVerdict | ModelFailure | None) -> Verdict:
        """Give the final verdict, provisional while ``model`` is None."""
        return fuse(rule, model)

    def _by_rules(self, scene: Scene) -> RuleVerdict:
        return score_scene(scene, points=self._points, table=self._table, bands=self._bands)
