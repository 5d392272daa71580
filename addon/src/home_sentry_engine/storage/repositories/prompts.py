"""Configurations of prompts: every change is a version, the newest one holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import PromptChange, PromptModel, PromptVersion, ShadowRun, from_plain, to_plain
from home_sentry_engine.storage.evaluation_schema import prompt_configs, prompt_versions, shadow_runs
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, time_range
from home_sentry_engine.storage.rows import insert_into


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptChangeRow:
    """A change to write; its version follows from the one before."""

    model: PromptModel
    change: PromptChange
    content: dict[str, Any]
    author: str | None = None
    note: str | None = None
    source: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery(PageQuery):
    """Which history is read."""

    model: PromptModel


class Prompts:
    """Histories are only added to."""

    def add(self, conn: Connection, row: PromptChangeRow, now: datetime) -> PromptVersion:
        """Write a change as the version that holds from now on; writers of one model wait for each other."""
        first = insert_into(conn, prompt_configs).values(model=row.model, version=1)
        counted = {"version": prompt_configs.c.version + 1}
        statement = first.on_conflict_do_update(index_elements=["model"], set_=counted)
        version: int = conn.execute(statement.returning(prompt_configs.c.version)).scalar_one()
        made = PromptVersion(
            model=row.model,
            version=version,
            at=now,
            change=row.change,
            content=row.content,
            author=row.author,
            note=row.note,
            source=row.source,
        )
        conn.execute(prompt_versions.insert().values({name: getattr(made, name) for name in _COLUMNS}))
        return made

    def active(self, conn: Connection) -> dict[PromptModel, PromptVersion]:
        """Give the newest version of each model that was ever changed."""
        newest = sa.and_(
            prompt_configs.c.model == prompt_versions.c.model, prompt_configs.c.version == prompt_versions.c.version
        )
        rows = conn.execute(sa.select(prompt_versions).join(prompt_configs, newest))
        return {found.model: found for found in map(_version, rows)}

    def marks(self, conn: Connection) -> dict[str, int]:
        """Give the number of the newest version of each model that was ever changed."""
        return {row.model: row.version for row in conn.execute(sa.select(prompt_configs))}

    def get(self, conn: Connection, model: PromptModel, version: int) -> PromptVersion | None:
        """Give one version."""
        chosen = sa.and_(prompt_versions.c.model == model, prompt_versions.c.version == version)
        row = conn.execute(sa.select(prompt_versions).where(chosen)).one_or_none()
        return None if row is None else _version(row)

    def history(self, conn: Connection, query: HistoryQuery) -> Page[PromptVersion]:
        """Give versions of a model, the newest first; raises ``InvalidCursor``."""
        table = prompt_versions
        statement = sa.select(table).where(table.c.model == query.model, *time_range(query, table.c.at))
        keyset = Keyset(at=table.c.at, id=table.c.version)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_version(row) for row in rows])

    def all(self, conn: Connection) -> tuple[PromptVersion, ...]:
        """Give every version of every model, the oldest first."""
        table = prompt_versions
        return tuple(map(_version, conn.execute(sa.select(table).order_by(table.c.model, table.c.version))))


class ShadowRuns:
    """Trials of configurations, kept whole."""

    def save(self, conn: Connection, run: ShadowRun) -> None:
        """Write a trial, in the place of what was known of it."""
        values = {"at": run.created_at, "state": run.state, "document": to_plain(run)}
        statement = insert_into(conn, shadow_runs).values(id=run.run_id, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def get(self, conn: Connection, run_id: str) -> ShadowRun | None:
        """Give one trial."""
        plain = conn.execute(sa.select(shadow_runs.c.document).where(shadow_runs.c.id == run_id)).scalar_one_or_none()
        return None if plain is None else from_plain(ShadowRun, plain)

    def newest(self, conn: Connection, limit: int) -> tuple[ShadowRun, ...]:
        """Give trials, the newest first."""
        rows = conn.execute(sa.select(shadow_runs.c.document).order_by(shadow_runs.c.at.desc()).limit(limit))
        return tuple(from_plain(ShadowRun, plain) for plain in rows.scalars())

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete trials from before a time; gives how many."""
        return conn.execute(shadow_runs.delete().where(shadow_runs.c.at < before)).rowcount


_COLUMNS = tuple(column.name for column in prompt_versions.c)


def _version(row: Row[Any]) -> PromptVersion:
    return PromptVersion(
        model=PromptModel(row.model),
        version=row.version,
        at=row.at,
        change=PromptChange(row.change),
        content=row.content,
        author=row.author,
        note=row.note,
        source=row.source,
    )
