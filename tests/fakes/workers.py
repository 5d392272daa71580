"""Programs that play the model's child process, well or badly."""

import sys

READY = 'print(json.dumps({"ready": {"window": 4096}}), flush=True)'
_HEAD = "import json, os, signal, sys, time\n"
_SERVE = """
for line in sys.stdin:
    request = json.loads(line)
    {body}
"""


def program(*lines: str, body: str | None = None) -> tuple[str, ...]:
    """Give the command of a child that runs ``lines`` and then ``body`` for each request."""
    served = _SERVE.format(body=body) if body else ""
    return (sys.executable, "-c", _HEAD + "\n".join(lines) + served)


ECHO = program(READY, body='print(json.dumps({"id": request["id"], "ok": True, "tokens": 7}), flush=True)')
HANGS = program(READY, body="time.sleep(600)")
HANGS_AT_START = program("time.sleep(600)")
DIES = program(READY, body="os._exit(3)")
DIES_AT_START = program('print("no such device", file=sys.stderr, flush=True)', "sys.exit(4)")
KILLED_AT_START = program("os.kill(os.getpid(), signal.SIGKILL)")
RAMBLES = program(READY, body='print("not json", flush=True)')
FLOODS = program(READY, body='print("x" * 3_000_000, flush=True)')
MIXES_UP = program(READY, body='print(json.dumps({"id": 999, "ok": True}), flush=True)')
NO_PACKAGE = program('print(json.dumps({"error": {"code": "model_missing", "detail": "no llama_cpp"}}), flush=True)')
NO_MEMORY = program(
    READY, body='print(json.dumps({"id": request["id"], "ok": False, "code": "out_of_memory"}), flush=True)'
)
