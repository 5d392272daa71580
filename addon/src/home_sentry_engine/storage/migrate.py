"""Brings a database to this release's schema: forward only, in one transaction, never backwards."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from .errors import SchemaTooNew

REVISIONS: Final[tuple[str, ...]] = tuple(f"{number:04}" for number in range(1, 32))
_FOLDER: Final = Path(__file__).parent / "migrations"


def revision_of(connection: Connection) -> str | None:
    """Give the revision that the database stands at, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def refuse_newer(revision: str | None) -> None:
    """Raise ``SchemaTooNew`` for a revision that this release does not know."""
    if revision is not None and revision not in REVISIONS:
        raise SchemaTooNew(
            f"the database has schema {revision}, this release knows {REVISIONS[-1]}; "
            "install the newer release again or restore an older backup"
        )


def is_current(revision: str | None) -> bool:
    """Tell whether nothing has to be done."""
    return revision == REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Run the missing revisions inside the connection's transaction; raises ``SchemaTooNew``."""
    revision = revision_of(connection)
    refuse_newer(revision)
    if is_current(revision):
        return
    # Alembic takes a third of a second to import; a database that is up to date does not need it
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, REVISIONS[-1])
