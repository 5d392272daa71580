"""The language model's own process: one JSON request per line on stdin, one JSON answer per line on stdout.

First line out: ``{"ready": {...}}`` or ``{"error": {"code", "detail"}}``. Then ``{"id", "op", ...}`` in and
``{"id", "ok", ...}`` out, one at a time. ``{"id", "op": "stop"}`` ends the answer with that id at its next token. The
process ends when stdin closes, that is when its parent is gone.

Run as ``python -m home_sentry_engine.language.worker``. The only module that imports llama_cpp: a grammar that does not
parse or a driver that fails takes this process down and not the engine.
"""

import argparse
from collections.abc import Callable, Sequence
import contextlib
import ctypes
import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, BinaryIO, Final

from home_sentry_engine.resilience.recent import Recent

from .picture_tokens import PictureReader, Unseeing
from .segments import Segment, fenced, segments_of

_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 5
_MOST_GRAMMARS: Final = 16

type Answer = dict[str, Any]


class _Refused(Exception):
    """A request that cannot be answered, with a stable code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Stop:
    """Which request its asker no longer waits for."""

    def __init__(self) -> None:
        """Wait for no request."""
        self.id: object = None


class Model:
    """A loaded GGUF file."""

    def __init__(self, arguments: argparse.Namespace, stop: Stop) -> None:
        """Load the file; raises whatever llama.cpp raises."""
        import jinja2  # noqa: PLC0415 - comes with llama_cpp, missing where llama_cpp is missing
        import llama_cpp  # noqa: PLC0415 - so that a missing package is reported and not a crash at import
        from llama_cpp import llama_chat_format, llama_grammar  # noqa: PLC0415

        self._grammar_of: Callable[[str], Any] = lambda schema: llama_grammar.LlamaGrammar.from_json_schema(
            schema, verbose=False
        )
        self._template_errors = (jinja2.TemplateError, ValueError, TypeError)
        offload = bool(llama_cpp.llama_supports_gpu_offload())
        self._llama = llama_cpp.Llama(
            model_path=arguments.model,
            n_ctx=_window(arguments),
            n_gpu_layers=arguments.gpu_layers if offload else 0,
            n_threads=arguments.threads or None,
            n_threads_batch=arguments.threads or None,
            verbose=False,
        )
        self._template = self._llama.metadata.get("tokenizer.chat_template", "")
        self._formatter: Any = None
        if self._template:
            self._formatter = llama_chat_format.Jinja2ChatFormatter(
                template=self._template, eos_token=self._token(self._llama.token_eos()), bos_token=self._bos_text()
            )
        self._grammars = Recent[str, Any](_MOST_GRAMMARS)
        self._stop = stop
        self._criteria = llama_cpp.StoppingCriteriaList
        self._reader: PictureReader | None = None
        if arguments.projector:
            from llama_cpp import mtmd_cpp  # noqa: PLC0415 - loads another library, which a model of text does not need

            self._reader = PictureReader(mtmd_cpp, self._llama, arguments.projector, gpu=offload)
        self.facts = {
            "sees": self._reader is not None,
            "window": self._llama.n_ctx(),
            "architecture": self._llama.metadata.get("general.architecture", ""),
            "name": self._llama.metadata.get("general.name", ""),
            "template": bool(self._template),
            "gpu": offload and arguments.gpu_layers != 0,
        }

    def count(self, request: Answer) -> Answer:
        """Count the tokens of a rendered prompt."""
        return {"tokens": len(self._tokens(request["messages"]))}

    def weigh(self, request: Answer) -> Answer:
        """Count the tokens of one picture."""
        return {"tokens": self._sight().tokens(request["picture"])}

    def complete(self, request: Answer) -> Answer:
        """Answer a prompt, bound by the schema's grammar."""
        tokens = self._read(request["messages"]) if _shown(request) else self._tokens(request["messages"])
        room = self._llama.n_ctx() - len(tokens)
        if room < 1:
            raise _Refused("context_overflow", f"{len(tokens)} tokens do not fit into {self._llama.n_ctx()}")
        schema = json.dumps(request["schema"])
        grammar = self._grammars.get(schema)
        if grammar is None:
            grammar = self._grammar_of(schema)
            self._grammars.put(schema, grammar)
        result: Any = self._llama.create_completion(
            prompt=tokens,
            max_tokens=min(int(request["max_tokens"]), room),
            temperature=float(request["temperature"]),
            top_p=float(request["top_p"]),
            seed=0,
            grammar=grammar,
            stopping_criteria=self._criteria([lambda _tokens, _logits: self._stop.id == request["id"]]),
        )
        if self._stop.id == request["id"]:
            raise _Refused("stopped", "nobody waits for the answer any more")
        choice, usage = result["choices"][0], result["usage"]
        return {
            "text": choice["text"],
            "truncated": choice["finish_reason"] == "length",
            "prompt_tokens": usage["prompt_tokens"],
            "answer_tokens": usage["completion_tokens"],
        }

    def _sight(self) -> PictureReader:
        if self._reader is None:
            raise _Refused("model_blind", "the model has no projector (mmproj file): it takes no pictures")
        return self._reader

    def _read(self, messages: list[dict[str, Any]]) -> list[int]:
        """Put texts and pictures into the model's memory; gives what stands there, in the place of tokens."""
        sight = self._sight()
        llama: Any = self._llama
        pictures = iter([message.get("pictures", ()) for message in messages])
        llama.reset()
        llama._ctx.kv_cache_clear()  # noqa: SLF001 what llama-cpp-python's own handlers use
        for number, segment in enumerate(self._segments(messages)):
            for picture in () if segment.trusted else next(pictures):
                sight.show(picture, room=llama.n_ctx() - llama.n_tokens - 1)
            tokens = llama.tokenize(segment.text.encode(), add_bos=False, special=segment.trusted)
            if number == 0:
                tokens = self._begun(tokens)
            if llama.n_tokens + len(tokens) >= llama.n_ctx():
                raise _Refused("context_overflow", f"pictures and text do not fit into {llama.n_ctx()} tokens")
            llama.eval(tokens)
        read: list[int] = llama.input_ids[: llama.n_tokens].tolist()
        return read

    def _tokens(self, messages: list[dict[str, Any]]) -> list[int]:
        tokens: list[int] = []
        for segment in self._segments(messages):
            data = segment.text.encode()
            tokens += self._llama.tokenize(data, add_bos=False, special=segment.trusted)
        return self._begun(tokens)

    def _begun(self, tokens: list[int]) -> list[int]:
        bos = self._llama.token_bos()
        wants_bos = self._llama.metadata.get("tokenizer.ggml.add_bos_token", "true" if not self._template else "false")
        if wants_bos == "true" and bos >= 0 and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def _segments(self, messages: list[dict[str, Any]]) -> list[Segment]:
        contents = [message["content"] for message in messages]
        if self._formatter is None:
            return [Segment(text=f"{content}\n\n", trusted=False) for content in contents]
        turns = fenced(messages)
        turns[0]["content"] += self._switch()
        try:
            return segments_of(self._rendered(turns), contents)
        except self._template_errors:
            # templates without a system turn, such as Gemma's, refuse or drop it
            joined = "\n\n".join(turn["content"] for turn in turns)
            return segments_of(self._rendered([{"role": "user", "content": joined}]), contents)

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        prompt: str = self._formatter(messages=messages, enable_thinking=False).prompt
        return prompt

    def _switch(self) -> str:
        """Give the words that switch thinking off in templates without the ``enable_thinking`` argument."""
        if "enable_thinking" in self._template:
            return ""
        if "/no_think" in self._template:
            return " /no_think"
        return "\n\ndetailed thinking off" if "detailed thinking" in self._template else ""

    def _token(self, token: int) -> str:
        return self._llama.detokenize([token], special=True).decode(errors="replace") if token >= 0 else ""

    def _bos_text(self) -> str:
        return self._token(self._llama.token_bos())


def _shown(request: Answer) -> bool:
    return any(message.get("pictures") for message in request["messages"])


def _window(arguments: argparse.Namespace) -> int:
    """Take the wanted window, but never more than the model was trained for."""
    import llama_cpp  # noqa: PLC0415 - see Model

    probe = llama_cpp.Llama(model_path=arguments.model, vocab_only=True, verbose=False)
    architecture = probe.metadata.get("general.architecture", "")
    trained = int(probe.metadata.get(f"{architecture}.context_length", 0))
    probe.close()
    return min(int(arguments.context), trained) if trained else int(arguments.context)


def _load(arguments: argparse.Namespace, stop: Stop) -> Model:
    try:
        return Model(arguments, stop)
    except ImportError as err:
        raise _Refused("model_missing", f"the package '{err.name}' is not installed") from err
    except Unseeing as err:
        raise _Refused("model_blind", str(err)) from err
    except Exception as err:
        raise _Refused(_code_of(err), f"the model file cannot be loaded: {err}") from err


def _code_of(err: Exception) -> str:
    text = str(err).casefold()
    if isinstance(err, MemoryError) or "out of memory" in text or "allocate" in text:
        return "out_of_memory"
    return "context_overflow" if "exceed context window" in text else "failed"


def _answered(model: Model, request: Answer) -> Answer:
    operations: dict[str, Callable[[Answer], Answer]] = {
        "count": model.count,
        "weigh": model.weigh,
        "complete": model.complete,
    }
    try:
        return {"id": request["id"], "ok": True, **operations[request["op"]](request)}
    except _Refused as err:
        return {"id": request["id"], "ok": False, "code": err.code, "detail": err.detail}
    except Exception as err:  # noqa: BLE001 - the request fails with its reason, the process serves the next one
        return {"id": request["id"], "ok": False, "code": _code_of(err), "detail": f"{type(err).__name__}: {err}"[:500]}


def _private_channel() -> BinaryIO:
    """Keep the pipe to the parent for answers alone: whatever C code prints goes to stderr."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return channel


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent; the closed pipe is the second guard, on any system."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _read_requests(requests: queue.SimpleQueue[Answer], stop: Stop) -> None:
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if request.get("op") == "stop":
            stop.id = request["id"]
        else:
            requests.put(request)
    os._exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model and answer until the parent is gone; 1 if the model cannot be loaded."""
    parser = argparse.ArgumentParser(description="language model of Home Sentry, driven by the engine")
    parser.add_argument("--model", required=True)
    parser.add_argument("--projector", default="")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--gpu-layers", type=int, default=-1)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args(argv)
    channel = _private_channel()
    _die_with_parent()
    # pictures come first: detection shares the processor with the model
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    requests: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    stop = Stop()
    threading.Thread(target=_read_requests, args=(requests, stop), daemon=True).start()

    def send(answer: Answer) -> None:
        channel.write(json.dumps(answer).encode() + b"\n")

    started = time.monotonic()
    try:
        model = _load(arguments, stop)
    except _Refused as err:
        send({"error": {"code": err.code, "detail": err.detail}})
        return 1
    send({"ready": {**model.facts, "load_s": round(time.monotonic() - started, 3)}})
    while True:
        send(_answered(model, requests.get()))


if __name__ == "__main__":
    sys.exit(main())
