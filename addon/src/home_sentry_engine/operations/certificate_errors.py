"""Why a certificate cannot be used."""

from home_sentry_engine.domain.errors import HomeSentryError


class UnusableCertificate(HomeSentryError, ValueError):
    """Certificate, key or authority file cannot be read, are no PEM, or do not belong together."""
