"""Home Sentry engine: from a picture in a folder to an explained risk event."""

from .contract.version import VERSION as __version__

__all__ = ["__version__"]
