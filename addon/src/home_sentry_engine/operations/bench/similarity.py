"""Similarity of two pictures: time of our SSIM against scikit-image's default, and how far they differ."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
import time
from typing import Any, Final

import cv2
import numpy as np

from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.media.similarity import Grey, Reference, ssim

TARGET: Final = 8.0
CLOSE: Final = 1e-4
_SIZE: Final = (360, 640)
_WARM_UP: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityBench:
    """Result at 640x360: the shortest of the rounds in ms; ``ratio`` is scikit-image's over the kept reference's."""

    rounds: int
    scikit_image_ms: float
    both_new_ms: float
    kept_reference_ms: float
    difference_gate_ms: float
    ratio: float
    ratio_both_new: float
    largest_error: float
    target: float = TARGET
    close: float = CLOSE

    @property
    def passed(self) -> bool:
        """Whether it is fast enough and right."""
        return self.ratio >= self.target and self.largest_error <= self.close

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "similarity", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, ms, ratio."""
        return [
            ("scikit-image, default", f"{self.scikit_image_ms:.2f} ms", "1.00"),
            ("both pictures new", f"{self.both_new_ms:.2f} ms", f"{self.ratio_both_new:.1f}"),
            ("kept reference", f"{self.kept_reference_ms:.2f} ms", f"{self.ratio:.1f}"),
            ("difference gate", f"{self.difference_gate_ms:.3f} ms", ""),
            ("largest error", f"{self.largest_error:.1e}", ""),
        ]


def bench_similarity(*, rounds: int) -> SimilarityBench:
    """Measure on drawn pictures, the ways in turn; raises ``Unavailable`` without scikit-image: it is not shipped."""
    theirs = _scikit_image()
    pairs = _pairs()
    kept = [(Reference(one), one, other) for one, other in pairs]
    ways: dict[str, Callable[[int], object]] = {
        "theirs": lambda n: theirs(*pairs[n]),
        "new": lambda n: ssim(*pairs[n]),
        "kept": lambda n: kept[n][0].ssim(kept[n][2]),
        "gate": lambda n: cv2.absdiff(*pairs[n]).mean(),
    }
    best = dict.fromkeys(ways, float("inf"))
    for number in range(rounds + _WARM_UP):
        for name, way in ways.items():
            began = time.perf_counter()
            way(number % len(pairs))
            spent = time.perf_counter() - began
            if number >= _WARM_UP:
                best[name] = min(best[name], spent * 1000)
    return SimilarityBench(
        rounds=rounds,
        scikit_image_ms=best["theirs"],
        both_new_ms=best["new"],
        kept_reference_ms=best["kept"],
        difference_gate_ms=best["gate"],
        ratio=best["theirs"] / best["kept"],
        ratio_both_new=best["theirs"] / best["new"],
        largest_error=max(abs(reference.ssim(other) - theirs(one, other)) for reference, one, other in kept),
    )


def _scikit_image() -> Callable[[Grey, Grey], float]:
    try:
        from skimage.metrics import structural_similarity  # noqa: PLC0415 a tool of the developers, not of the engine
    except ImportError as err:
        raise Unavailable(
            "there is nothing to compare with: scikit-image is not installed", code="no_reference"
        ) from err
    return lambda one, other: float(structural_similarity(one, other))  # type: ignore[no-untyped-call]


def _pairs() -> list[tuple[Grey, Grey]]:
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(4):
        small = random.integers(0, 256, (18, 32), dtype=np.uint8)
        one = np.asarray(cv2.resize(small, _SIZE[::-1], interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        other = np.clip(one + random.normal(0, 10, _SIZE), 0, 255).astype(np.uint8)
        pairs.append((one, other))
    return pairs
