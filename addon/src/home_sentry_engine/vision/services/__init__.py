"""Services elsewhere that answer in the place of this engine's models: Florence-2, CLIP, and an enrichment server."""

from .clip import CLIPClient, CLIPUnavailableError, ServedImageText
from .enrichment import EnrichmentClient, EnrichmentUnavailableError, ServedFashion
from .florence import FlorenceClient, FlorenceUnavailableError, ServedFlorence
from .served import SERVED, ServedModels, Services
from .sight import NoBoxes, ServedSight
from .transport import Limits, Service

__all__ = [
    "SERVED",
    "CLIPClient",
    "CLIPUnavailableError",
    "EnrichmentClient",
    "EnrichmentUnavailableError",
    "FlorenceClient",
    "FlorenceUnavailableError",
    "Limits",
    "NoBoxes",
    "ServedFashion",
    "ServedFlorence",
    "ServedImageText",
    "ServedModels",
    "ServedSight",
    "Service",
    "Services",
]
