"""The printable report of an evidence pack: one page of HTML that shows the blurred pictures beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

_STYLE: Final = (
    "body{font:11pt sans-serif;margin:2cm}section{page-break-inside:avoid;border-top:1px solid #999;padding:.5em 0}"
    "img{max-width:8cm;max-height:6cm;margin:.2em}table{border-collapse:collapse;font-size:9pt}"
    "td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left}code{font-size:7pt;word-break:break-all}"
)
_POLICY: Final = "default-src 'none'; img-src 'self' data: file:; style-src 'unsafe-inline'"
_HINT: Final = (
    "Faces in the pictures of this report are blurred; the stored pictures lie in <em>stills</em>. "
    "Check the pack with <code>home-sentry evidence verify</code>."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the report says of an event."""

    event_id: str
    heading: str
    lines: tuple[str, ...]
    changes: tuple[tuple[str, str, str, str], ...]


def told_of(document: Mapping[str, Any]) -> Told:
    """Choose from an event's document what is printed."""
    event = document["event"]
    lines = [
        event["summary"],
        event.get("reasoning") or "",
        f"Score {event['risk_score']} ({event['risk_level']}), by {event['analysis_state']}",
        f"Objects: {', '.join(event['object_types']) or '-'}; detections: {event['detection_count']}",
    ]
    changes = [(one["at"], one["change"], str(one["score"]), one["level"]) for one in event["transitions"]]
    return Told(
        event_id=event["event_id"],
        heading=f"{event['started_at']} - {event['ended_at'] or 'goes on'}: {event['camera_name']}",
        lines=tuple(line for line in lines if line),
        changes=tuple(changes),
    )


def report_of(about: Mapping[str, Any], events: Sequence[Told], sums: Mapping[str, str]) -> str:
    """Write the page; every text from outside is escaped, nothing in it is run or fetched."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Evidence</title>",
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<style>{_STYLE}</style></head><body><h1>Home Sentry: evidence</h1>",
        f"<p>Pack {escape(str(about['pack']))}, made at {escape(str(about['made_at']))}. ",
        f"{len(events)} events. {_HINT}</p>",
    ]
    for event in events:
        parts.append(f"<section><h2>{escape(event.heading)}</h2>")
        parts += [f"<p>{escape(line)}</p>" for line in event.lines]
        parts.append("<table><tr><th>Time<th>Change<th>Score<th>Level</tr>")
        parts += ["<tr>" + "".join(f"<td>{escape(one)}" for one in row) + "</tr>" for row in event.changes]
        parts.append("</table>")
        mine = (name for name in sums if name.startswith(f"shared/{event.event_id}/"))
        parts += [f"<img alt='' src='{escape(name, quote=True)}'>" for name in mine]
        parts.append("</section>")
    parts.append("<section><h2>SHA-256</h2><table>")
    parts += [f"<tr><td>{escape(name)}<td><code>{digest}</code></tr>" for name, digest in sorted(sums.items())]
    return "".join([*parts, "</table></section></body></html>\n"])
