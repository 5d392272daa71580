"""Words of the events; revision 0014 makes them anew, with the index over them."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table."""
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
