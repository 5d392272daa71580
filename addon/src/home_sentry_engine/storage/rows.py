"""Small pieces that the repositories share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

type Insert = sqlite.Insert | postgresql.Insert


def insert_into(connection: Connection, table: sa.Table) -> Any:
    """Give the dialect's INSERT, which knows ON CONFLICT (same methods in both dialects)."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
