"""Configurations of prompts know the model that sees pictures."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0029"
down_revision: Final = "0028"

_MODELS: Final = "'nemotron', 'vision', 'florence2', 'yolo_world', 'xclip', 'fashion_clip', 'unknown'"
_CHANGES: Final = "'written', 'restored', 'imported', 'reset', 'unknown'"


def upgrade() -> None:
    """Allow the longer list; SQLite gets it with new tables into which the rows are copied."""
    for table in (_configs(), _versions()):
        if op.get_bind().dialect.name == "sqlite":
            with op.batch_alter_table(table.name, copy_from=table, recreate="always"):
                pass
            continue
        check = f"ck_{table.name}_model"
        op.drop_constraint(op.f(check), table.name)
        op.create_check_constraint(op.f(check), table.name, f"model IN ({_MODELS})")


def _configs() -> sa.Table:
    return sa.Table(
        "prompt_configs",
        sa.MetaData(),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"model IN ({_MODELS})", name="ck_prompt_configs_model"),
        sa.CheckConstraint("version > 0", name="ck_prompt_configs_version"),
        sa.PrimaryKeyConstraint("model", name="pk_prompt_configs"),
    )


def _versions() -> sa.Table:
    return sa.Table(
        "prompt_versions",
        sa.MetaData(),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"model IN ({_MODELS})", name="ck_prompt_versions_model"),
        sa.CheckConstraint(f"change IN ({_CHANGES})", name="ck_prompt_versions_change"),
        sa.PrimaryKeyConstraint("model", "version", name="pk_prompt_versions"),
    )
