"""What can go wrong with the demo, in words for a person."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


class TooLate(DemoError, TimeoutError):
    """Something did not happen in time."""
