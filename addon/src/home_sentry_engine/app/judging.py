"""Model files of the catalogue, as the language room asks for them."""

from pathlib import Path

from home_sentry_engine.vision.catalog import Catalogue, UnknownModel
from home_sentry_engine.vision.store import ModelStore


class CatalogueFiles:
    """``language.opening.ModelFiles`` over the store: what is here and verified, nothing is fetched."""

    def __init__(self, catalogue: Catalogue, store: ModelStore) -> None:
        """Take the cards and where their files are."""
        self._catalogue = catalogue
        self._store = store

    async def path(self, card_id: str) -> Path | None:
        """Give the GGUF file of a card, None if it is not here or no such card exists."""
        try:
            card = self._catalogue.get(card_id)
        except UnknownModel:
            return None
        model = await self._store.find(card)
        return model.main if model is not None else None
