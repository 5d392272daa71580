"""Reading what people want models to be asked: every value is checked, and a wrong one is named."""

from collections.abc import Mapping, Sequence

from .errors import HomeSentryError


class InvalidPrompt(HomeSentryError, ValueError):
    """A configuration that cannot be used; ``wrong`` is the path of the field, ``expected`` what it must be."""

    def __init__(self, wrong: str, expected: str) -> None:
        """Make a sentence of both."""
        super().__init__(f"'{wrong}' {expected}")
        self.wrong = wrong
        self.expected = expected


class Content:
    """A JSON object that is read field by field; ``within`` is its place in a larger one."""

    def __init__(self, value: object, known: Sequence[str], *, within: str = "") -> None:
        """Raise ``InvalidPrompt`` for what is no object, and for a field that nobody reads."""
        if not isinstance(value, Mapping):
            raise InvalidPrompt(within.rstrip(".") or "content", "must be an object")
        self._value, self._within = value, within
        for name in value:
            if name not in known:
                raise InvalidPrompt(f"{within}{str(name)[:40]}", f"is not known; known are {', '.join(known)}")

    def __contains__(self, name: str) -> bool:
        """Tell whether a field was given."""
        return self._value.get(name) is not None

    def text(self, name: str, *, low: int = 0, high: int, default: str = "") -> str:
        """Give a text of some length, its ends trimmed."""
        found = self._value.get(name)
        if found is None:
            return default
        path, expected = self.path(name), f"must be a text of {low} to {high} characters"
        if not isinstance(found, str):
            raise InvalidPrompt(path, expected)
        trimmed = found.strip()
        if not low <= len(trimmed) <= high:
            raise InvalidPrompt(path, expected)
        if any(not (one.isprintable() or one == "\n") for one in trimmed):
            raise InvalidPrompt(path, "must hold no control characters")
        return trimmed

    def number(self, name: str, *, low: float, high: float) -> float | None:
        """Give a number within limits, None where it was not given."""
        found = self._value.get(name)
        if found is None:
            return None
        numeric = isinstance(found, int | float) and not isinstance(found, bool)
        if not numeric or not low <= found <= high:
            raise InvalidPrompt(self.path(name), f"must be a number from {low:g} to {high:g}")
        return float(found)

    def whole(self, name: str, *, low: int, high: int) -> int | None:
        """Give a whole number within limits, None where it was not given."""
        found = self._value.get(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise InvalidPrompt(self.path(name), f"must be a whole number from {low} to {high}")
        return found

    def parts(self, name: str, *, low: int, high: int) -> Sequence[object]:
        """Give the items of a list, which must be there if ``low`` is not 0."""
        found = self._value.get(name, [])
        if not isinstance(found, list | tuple) or not low <= len(found) <= high:
            raise InvalidPrompt(self.path(name), f"must be a list of {low} to {high} items")
        return found

    def texts(self, name: str, *, count: tuple[int, int], length: tuple[int, int]) -> tuple[str, ...]:
        """Give a list of one-line texts, none twice."""
        found = []
        for index, part in enumerate(self.parts(name, low=count[0], high=count[1])):
            where = f"{name}[{index}]"
            item = Content({where: part}, (where,), within=self._within)
            text = " ".join(item.text(where, low=length[0], high=length[1]).split())
            if text in found:
                raise InvalidPrompt(self.path(where), "stands there twice")
            found.append(text)
        return tuple(found)

    def sentences(self, name: str, *, count: tuple[int, int]) -> dict[str, str]:
        """Give sentences by their labels, from a list of objects with ``label`` and ``sentence``."""
        found: dict[str, str] = {}
        for index, part in enumerate(self.parts(name, low=count[0], high=count[1])):
            within = f"{self.path(name)}[{index}]."
            one = Content(part, ("label", "sentence"), within=within)
            label = one.line("label", high=40)
            if label in found:
                raise InvalidPrompt(f"{within}label", "stands there twice")
            found[label] = one.line("sentence", high=200)
        return found

    def line(self, name: str, *, low: int = 2, high: int) -> str:
        """Give a text that has to be there, as one line."""
        if name not in self:
            raise InvalidPrompt(self.path(name), "is missing")
        return " ".join(self.text(name, low=low, high=high).split())

    def path(self, name: str) -> str:
        """Give the place of a field in the whole content."""
        return f"{self._within}{name}"


def labelled(sentences: Mapping[str, str]) -> list[dict[str, str]]:
    """Write sentences by their labels as ``Content.sentences`` reads them."""
    return [{"label": label, "sentence": sentence} for label, sentence in sentences.items()]
