"""Jobs and dead letters of the SQL queue."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0003"
down_revision: Final = "0002"

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _jobs()
    _dead_letters()


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("uniq", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("enqueued_us", sa.BigInteger(), nullable=False),
        sa.Column("not_before_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("leased_until_us", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("first_failed_us", sa.BigInteger(), nullable=True),
        sa.Column("last_failed_us", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_not_before", "jobs", ["queue", "not_before_us"])
    op.create_index("ix_jobs_key", "jobs", ["queue", "key", sa.literal_column("priority DESC"), "id"])
    op.create_index(
        "ix_jobs_lease_end",
        "jobs",
        ["queue", "leased_until_us"],
        sqlite_where=sa.text("leased_until_us IS NOT NULL"),
        postgresql_where=sa.text("leased_until_us IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_place",
        "jobs",
        ["queue", sa.literal_column("priority DESC"), "id"],
        sqlite_where=sa.text("leased_until_us IS NULL"),
        postgresql_where=sa.text("leased_until_us IS NULL"),
    )
    op.create_index("uq_jobs_uniq", "jobs", ["queue", "uniq"], unique=True)


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("uniq", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("enqueued_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("first_failed_us", sa.BigInteger(), nullable=False),
        sa.Column("last_failed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dead_letters_queue", "dead_letters", ["queue", "id"])
