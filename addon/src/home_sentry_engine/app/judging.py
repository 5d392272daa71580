"""Model files of the catalogue, as the language room asks for them."""

from pathlib import Path

from home_sentry_engine.vision.catalog import Catalogue, UnknownModel
from home_sentry_engine.vision.store import LocalModel, ModelStore


class CatalogueFiles:
    """``language.opening.ModelFiles`` over the store: what is here and verified, nothing is fetched."""

    def __init__(self, catalogue: Catalogue, store: ModelStore) -> None:
        """Take the cards and where their files are."""
        self._catalogue = catalogue
        self._store = store

    async def path(self, card_id: str) -> Path | None:
        """Give the GGUF file of a card, None if it is not here or no such card exists."""
        model = await self._found(card_id)
        return model.main if model is not None else None

    async def sight(self, card_id: str) -> tuple[Path, Path] | None:
        """Give weights and projector of a model that sees, None if they are not here or the card has no projector."""
        model = await self._found(card_id)
        if model is None:
            return None
        projector = model.paths.get(str(model.card.quirks.get("projector")))
        return (model.main, projector) if projector is not None else None

    async def _found(self, card_id: str) -> LocalModel | None:
        try:
            card = self._catalogue.get(card_id)
        except UnknownModel:
            return None
        return await self._store.find(card)
