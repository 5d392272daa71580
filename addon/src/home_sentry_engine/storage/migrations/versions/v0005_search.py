"""Words of the events and the index over them."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.search_index import fill_words
from home_sentry_engine.storage.search_tables import index_words, make_index

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table and the index, and fill them with the events that are there."""
    op.create_table(
        "event_words",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("objects", sa.Text(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["events.number"], name=op.f("fk_event_words_number"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_event_words")),
        sa.UniqueConstraint("number", name=op.f("uq_event_words_number")),
    )
    fill_words(op.get_bind())
    make_index(op.get_bind())
    index_words(op.get_bind())
