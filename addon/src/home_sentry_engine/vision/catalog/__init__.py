"""The catalogue: which models exist, where they come from, under which licence, and how they want to be fed."""

from .card import Card, CardFile, Colour, ImageInput, InvalidCard, Layout, Resample, Resize, Source, Task
from .catalogue import OWN_CARD, Catalogue, UnknownModel, load_catalogue, parse_cards
from .writing import card_text

__all__ = [
    "OWN_CARD",
    "Card",
    "CardFile",
    "Catalogue",
    "Colour",
    "ImageInput",
    "InvalidCard",
    "Layout",
    "Resample",
    "Resize",
    "Source",
    "Task",
    "UnknownModel",
    "card_text",
    "load_catalogue",
    "parse_cards",
]
