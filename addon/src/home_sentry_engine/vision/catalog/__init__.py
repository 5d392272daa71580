"""The catalogue: which models exist, where they come from, under which licence, and how they want to be fed."""

from .card import Card, CardFile, Colour, ImageInput, InvalidCard, Layout, Resample, Resize, Source, Task
from .catalogue import Catalogue, UnknownModel, load_catalogue

__all__ = [
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
    "load_catalogue",
]
