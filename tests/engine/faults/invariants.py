"""What must hold after every fault: each accepted file is accounted for once, and nothing hangs in the air."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
import hashlib
from pathlib import Path
import sqlite3

DATABASE = "home_sentry.db"

# what must hold of alerts in either kind of database; {span} is one second as times are stored, {text} reads a body
_ALERTS = {
    "revisions whose alert nobody evaluated": (
        "SELECT t.event_id FROM transitions t WHERE NOT EXISTS "
        "(SELECT 1 FROM alert_evaluations a WHERE a.event_id = t.event_id AND a.revision = t.revision) AND EXISTS "
        "(SELECT 1 FROM alert_evaluations a WHERE a.event_id = t.event_id AND a.revision = 1 "
        "AND a.decision <> 'not_evaluated')"
    ),
    "alerts without their visit": "SELECT id FROM alerts WHERE event_id NOT IN (SELECT id FROM events)",
    "alerts that nobody decided": (
        "SELECT id FROM alerts a WHERE NOT EXISTS (SELECT 1 FROM alert_evaluations e "
        "WHERE e.event_id = a.event_id AND e.revision = a.revision AND e.decision = 'due')"
    ),
    "decisions without their alert": (
        "SELECT event_id FROM alert_evaluations e WHERE e.decision = 'due' AND e.rules IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM alerts a WHERE a.event_id = e.event_id AND a.revision = e.revision)"
    ),
    "alerts within the cooldown of another": (
        "SELECT b.id FROM alerts a JOIN alerts b ON b.dedup_key = a.dedup_key AND b.level = a.level AND b.id <> a.id "
        "WHERE b.made_at >= a.delivered_at AND b.made_at < a.delivered_at + a.cooldown_s * {span}"
    ),
    "alerts beside one that waits": (
        "SELECT b.id FROM alerts a JOIN alerts b ON b.dedup_key = a.dedup_key AND b.level = a.level AND b.id <> a.id "
        "WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alert_id = a.id) "
        "AND b.made_at >= a.made_at AND b.made_at < a.made_at + a.cooldown_s * {span}"
    ),
    "alerts not announced once": (
        "SELECT a.id FROM alerts a LEFT JOIN outbox o ON o.kind = 'alert_created' AND {text} = a.id "
        "GROUP BY a.id HAVING COUNT(o.seq) <> 1"
    ),
}


def alert_rules(*, span: str, text: str) -> dict[str, str]:
    """Give the queries about alerts, each of which finds nothing; for one kind of database."""
    return {name: query.replace("{span}", span).replace("{text}", text) for name, query in _ALERTS.items()}


ORPHANS = {
    "detections without their file": "SELECT id FROM detections WHERE media_id NOT IN (SELECT id FROM media)",
    "detections without their visit": (
        "SELECT id FROM detections WHERE event_id IS NOT NULL AND event_id NOT IN (SELECT id FROM events)"
    ),
    "batches without their visit": "SELECT id FROM batches WHERE event_id NOT IN (SELECT id FROM events)",
    "visits without their picture": "SELECT id FROM events WHERE media_id NOT IN (SELECT id FROM media)",
    "visits without a detection": "SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM detections)",
    "visits without their beginning": "SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM transitions)",
    "judgements without their visit": "SELECT id FROM assessments WHERE event_id NOT IN (SELECT id FROM events)",
    "looked at without a file": "SELECT media_id FROM inspections WHERE media_id NOT IN (SELECT id FROM media)",
    "looked at and not on record": (
        "SELECT id FROM media WHERE state = 'detected' AND id NOT IN (SELECT media_id FROM inspections)"
    ),
    "waiting files without a job": (
        "SELECT id FROM media WHERE state = 'queued' AND id NOT IN "
        "(SELECT json_extract(payload, '$.media_id') FROM jobs WHERE queue = 'detect')"
    ),
    "jobs without a waiting file": (
        "SELECT id FROM jobs WHERE queue = 'detect' AND json_extract(payload, '$.media_id') NOT IN "
        "(SELECT id FROM media WHERE state = 'queued')"
    ),
    "two events of one picture": (
        "SELECT m.sha256 FROM detections d JOIN media m ON m.id = d.media_id WHERE d.event_id IS NOT NULL "
        "GROUP BY m.camera_id, m.sha256 HAVING COUNT(DISTINCT d.event_id) > 1"
    ),
    "announced visits that are not there": (
        "SELECT seq FROM outbox WHERE kind = 'event_created' AND "
        "json_extract(CAST(body AS TEXT), '$.event_id') NOT IN (SELECT id FROM events)"
    ),
    "visits whose alert nobody evaluated": (
        "SELECT id FROM events e WHERE NOT EXISTS "
        "(SELECT 1 FROM alert_evaluations a WHERE a.event_id = e.id AND a.revision = e.revision)"
    ),
    "visits that were never announced": (
        "SELECT id FROM events WHERE id NOT IN "
        "(SELECT json_extract(CAST(body AS TEXT), '$.event_id') FROM outbox WHERE kind = 'event_created')"
    ),
    **alert_rules(span="1000000", text="json_extract(CAST(o.body AS TEXT), '$.id')"),
}


@dataclass(frozen=True)
class Account:
    """Where the files of a data folder are."""

    accepted: int
    stored: int
    queued: int
    quarantined: int
    duplicates: int
    rejected: int
    events: int
    ids: frozenset[str]
    contents: Mapping[tuple[str, str], int]

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted} = stored {self.stored} + queued {self.queued} + quarantined {self.quarantined}"
            f"; duplicates {self.duplicates}, rejected {self.rejected}, events {self.events}"
        )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_invariants(data: Path, *, twice: bool = False, pruned: bool = False, file: str = DATABASE) -> Account:
    """Check the data folder of a stopped engine and give its account.

    ``twice`` allows the same content again (after its fingerprint has expired), ``pruned`` that old rows are gone.
    """
    with closing(sqlite3.connect(data / file)) as raw:
        assert raw.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        account = _account(raw)
        print(f"\n  {account}")
        assert account.accepted == account.stored + account.queued + account.quarantined
        if not pruned:
            states = dict(raw.execute("SELECT state, COUNT(*) FROM media GROUP BY state").fetchall())
            assert account.accepted == len(account.ids)
            assert (account.stored, account.quarantined) == (states.get("detected", 0), states.get("failed", 0))
            assert account.queued == states.get("queued", 0)
        for name, query in ORPHANS.items():
            if pruned and "announced" in name:
                continue
            assert raw.execute(query).fetchmany(3) == [], name
        if not twice:
            assert [key for key, count in account.contents.items() if count > 1] == []
        for path, digest, kind in raw.execute("SELECT path, sha256, kind FROM media"):
            assert kind == "video" or sha256(Path(path).read_bytes()) == digest, path
    return account


def _account(raw: sqlite3.Connection) -> Account:
    counters = dict(raw.execute("SELECT name, value FROM counters").fetchall())
    media = raw.execute("SELECT id, camera_id, sha256 FROM media").fetchall()
    return Account(
        accepted=counters.get("media:accepted", 0),
        stored=counters.get("media:stored", 0),
        queued=raw.execute("SELECT COUNT(*) FROM media WHERE state = 'queued'").fetchone()[0],
        quarantined=counters.get("media:quarantined", 0),
        duplicates=counters.get("media:duplicate", 0),
        rejected=sum(count for name, count in counters.items() if name.startswith("rejected:")),
        events=raw.execute("SELECT COUNT(*) FROM events").fetchone()[0],
        ids=frozenset(row[0] for row in media),
        contents=Counter((camera, digest) for _, camera, digest in media),
    )
