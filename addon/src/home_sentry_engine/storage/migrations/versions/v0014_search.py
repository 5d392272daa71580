"""Marks for the filters of the search, beginnings of words in its index; words and index are made anew."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.search_index import fill_words
from home_sentry_engine.storage.search_tables import drop_index, index_words, make_index

revision: Final = "0014"
down_revision: Final = "0013"

_TEXTS: Final = ("summary", "reasoning", "objects", "camera", "marks")


def upgrade() -> None:
    """Make the table and the index anew, and fill them with the events that are there."""
    drop_index(op.get_bind())
    op.drop_table("event_words")
    op.create_table(
        "event_words",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("summary", "reasoning", "objects", "camera", "marks")
        ),
        sa.ForeignKeyConstraint(["number"], ["events.number"], name=op.f("fk_event_words_number"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_event_words")),
        sa.UniqueConstraint("number", name=op.f("uq_event_words_number")),
    )
    fill_words(op.get_bind())
    make_index(op.get_bind())
    index_words(op.get_bind())
