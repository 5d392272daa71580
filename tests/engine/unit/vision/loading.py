"""Cards with their graphs in memory: real ones from the mirror, tiny ones from a test."""

from collections.abc import Mapping
from dataclasses import replace
import importlib.util
from pathlib import Path

from home_sentry_engine.vision.catalog import Card, load_catalogue
from home_sentry_engine.vision.session import ProviderChoice, Session, open_session
from home_sentry_engine.vision.tasks.graph import Loaded

CPU = ProviderChoice(wanted=("cpu",), reason="test")


def opened(path: Path) -> Session:
    return open_session(path, choice=CPU, threads=1)


def real(model_id: str, folder: Path | None = None) -> Loaded:
    """Load a card whose files lie in a folder, or inside the package that the card names."""
    card = load_catalogue().get(model_id)
    if folder is None:
        spec = importlib.util.find_spec(card.source.repository)
        assert spec
        assert spec.origin
        paths = {file.role: Path(spec.origin).parent / file.path for file in card.files}
    else:
        paths = {file.role: folder / file.name for file in card.files}
    graphs = {role: opened(path) for role, path in paths.items() if path.suffix == ".onnx"}
    return Loaded(card=card, graphs=graphs, paths=paths)


def tiny(
    model_id: str, graphs: Path | Mapping[str, Path], paths: Mapping[str, Path] | None = None, **changes
) -> Loaded:
    """Load the real card of a model over graphs that the test wrote."""
    card: Card = replace(load_catalogue().get(model_id), **changes)
    files = {"main": graphs} if isinstance(graphs, Path) else graphs
    return Loaded(card=card, graphs={role: opened(path) for role, path in files.items()}, paths=paths or {})
