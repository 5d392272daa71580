"""The chain of evidence packs, as the engine notes it."""

from typing import Any, Final

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.operations.evidence import Link
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.repositories.audit import Deed
from home_sentry_engine.storage.repositories.meta import Meta

from .tables import Tables

CHAIN: Final = "evidence_chain"


class EvidenceChain:
    """Each pack gets the next place; what was noted stays for good."""

    def __init__(self, database: Database, tables: Tables, clock: Clock) -> None:
        """Take the rows and the clock."""
        self._database = database
        self._audit = tables.audit
        self._clock = clock
        self._meta = Meta()

    async def append(self, pack: str, list_sha256: str) -> Link:
        """Give the next place to a pack and note it, also in the audit."""
        now = self._clock.steady()

        def work(conn: Connection) -> Link:
            known: list[dict[str, Any]] = self._meta.get(conn, CHAIN) or []
            link = Link(number=len(known) + 1, pack=pack, made_at=now.isoformat(), list_sha256=list_sha256)
            if known:
                link = Link(
                    number=link.number,
                    pack=pack,
                    made_at=link.made_at,
                    list_sha256=list_sha256,
                    previous=known[-1]["digest"],
                )
            self._meta.set(conn, CHAIN, [*known, {"digest": link.digest, "pack": pack}])
            deed = Deed(actor="engine", action="evidence.chained", target=pack, details={"digest": link.digest})
            self._audit.add(conn, deed, now)
            return link

        return await self._database.write(work)

    async def note_file(self, number: int, sha256: str) -> None:
        """Note the hash of a pack's whole file."""

        def work(conn: Connection) -> None:
            known: list[dict[str, Any]] = self._meta.get(conn, CHAIN) or []
            known[number - 1] |= {"sha256": sha256}
            self._meta.set(conn, CHAIN, known)

        await self._database.write(work)


def noted(conn: Connection) -> dict[int, dict[str, str]]:
    """Give what the engine noted of each pack, by its number."""
    known: list[dict[str, str]] = Meta().get(conn, CHAIN) or []
    return dict(enumerate(known, start=1))
