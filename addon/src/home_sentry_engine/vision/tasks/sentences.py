"""The sentences that the home asks about pictures, by the label that each stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from home_sentry_engine.vision.session import Cancel

from .classify import Ranked, Weather, weather_of
from .pictures import Frame
from .zero_shot import ImageText

WEATHER: Final = {
    "cloudy": "a photo taken outdoors on a cloudy, overcast day",
    "foggy": "a photo taken outdoors in fog or haze",
    "rain": "a photo taken outdoors in the rain",
    "snow": "a photo taken outdoors in snow",
    "clear": "a photo taken outdoors in clear, sunny weather",
}
GARMENTS: Final = {
    "casual clothes": "a person in casual clothes",
    "business suit": "a person in a business suit",
    "delivery uniform": "a delivery courier in uniform",
    "high-visibility vest": "a worker in a high-visibility vest",
    "police uniform": "a police officer in uniform",
    "postal uniform": "a mail carrier in uniform",
    "sportswear": "a person in sportswear",
    "winter coat": "a person in a winter coat",
    "hooded sweater, hood up": "a person with the hood of a sweater over the head",
    "face mask or balaclava": "a person whose face is hidden by a mask or balaclava",
}
COLOURS: Final = {
    name: f"a person in {name} clothes"
    for name in ("black", "white", "grey", "blue", "red", "green", "yellow", "brown", "orange")
}
VEHICLES: Final = {
    "car": "a photo of a passenger car",
    "pickup truck": "a photo of a pickup truck",
    "work van": "a photo of a delivery van or work van",
    "single unit truck": "a photo of a box truck",
    "articulated truck": "a photo of a semi-trailer truck",
    "bus": "a photo of a bus",
    "motorcycle": "a photo of a motorcycle",
    "bicycle": "a photo of a bicycle",
}
SERVICE: Final = frozenset({"delivery uniform", "high-visibility vest", "police uniform", "postal uniform"})
HIDING: Final = frozenset({"face mask or balaclava"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FashionWords:
    """Sentences about clothes by their labels; ``service`` and ``hiding`` are garments of which more is said."""

    garments: Mapping[str, str] = field(default_factory=lambda: dict(GARMENTS))
    colours: Mapping[str, str] = field(default_factory=lambda: dict(COLOURS))
    service: frozenset[str] = SERVICE
    hiding: frozenset[str] = HIDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Fashion:
    """What a person wears; weak evidence.

    ``is_service_uniform`` tells that people wear it at work on a doorstep; None is what nobody told.
    """

    garment: Ranked
    colour: str | None
    is_service_uniform: bool | None
    hides_face: bool | None

    @property
    def model_id(self) -> str:
        """The model that told the garment."""
        return self.garment.model_id


def weather_by_sentences(model: ImageText, frame: Frame, *, cancel: Cancel | None = None) -> Weather:
    """Tell the weather without a model of its own."""
    return weather_of(model.rank(frame, WEATHER, cancel=cancel))


def fashion_by_sentences(
    model: ImageText, person: Frame, words: FashionWords | None = None, *, cancel: Cancel | None = None
) -> Fashion:
    """Tell garment and colour of a cut-out person without a model of their own, from one look."""
    words = words or FashionWords()
    seen = model.embed(person, cancel=cancel)
    garment = model.rank_embedding(seen, words.garments, cancel=cancel)
    return Fashion(
        garment=garment,
        colour=model.rank_embedding(seen, words.colours, cancel=cancel).label,
        is_service_uniform=garment.label in words.service,
        hides_face=garment.label in words.hiding,
    )
