"""How good a picture is, as the pipeline's rooms tell each other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureQuality:
    """``score`` 0 (excellent) to 100 (useless) with its ``grade``, and what is wrong (``blurred``, ``striped`` …).

    ``covered`` tells that the picture shows no scene at all, ``bad`` that what is found in it deserves less trust.
    ``usual`` is the score that the camera's pictures had until this one fell suddenly behind them, else None.
    """

    score: float
    grade: str
    defects: tuple[str, ...] = ()
    covered: bool = False
    bad: bool = False
    usual: float | None = None
