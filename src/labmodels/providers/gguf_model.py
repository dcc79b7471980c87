"""A GGUF file loaded into this process by llama.cpp: once for all who ask, used by one at a time.

The leaf around llama_cpp: text to tokens and back, and tokens from the model. What is asked, limits on time and what an answer is
are the provider's (llama_cpp.py).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import llama_cpp
import llama_cpp._internals
import llama_cpp.llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter
from llama_cpp.llama_grammar import LlamaGrammar

from labmodels.providers.gguf_header import BadGguf, Header, read_header

_BATCH = 128  # tokens of the prompt between two looks at the clock; larger ones are hardly faster on a CPU
_PLAIN_CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
_PLAIN_STOP = ("\nuser:",)
_KV_BYTES = 2  # llama.cpp keeps keys and values as 16-bit floats
_ERROR = 4  # ggml_log_level

# The library silences itself by pointing the process's stdout and stderr to /dev/null while it loads, and what other threads write
# meanwhile is lost. Here its messages go to a callback instead; `silent` stands in for what it would redirect with.
_last_errors: deque[str] = deque(maxlen=4)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, _: ctypes.c_void_p) -> None:
    if level == _ERROR:
        _last_errors.append(" ".join(text.decode(errors="replace").split()))


def _silent(disable: bool = True) -> nullcontext[None]:
    return nullcontext()


ctypes.pythonapi.Py_IncRef(ctypes.py_object(_log))  # never freed: a model that is freed at exit still logs
llama_cpp.llama_log_set(_log, ctypes.c_void_p(0))
for _module in (llama_cpp.llama, llama_cpp._internals):
    vars(_module).update(suppress_stdout_stderr=_silent)


class CannotLoad(Exception):
    """The file is missing or damaged, or too large for this machine; the text names it."""


class UnfitMessages(ValueError):
    """The model's chat template does not take these messages."""


class Loading(NamedTuple):
    """A model file and how it is loaded: who asks for the same shares one. `threads` None is one a core."""

    path: Path
    context_tokens: int
    threads: int | None
    gpu_layers: int


class _Key(NamedTuple):
    loading: Loading
    modified_ns: int
    size: int


_loaded: dict[_Key, GgufModel] = {}
_one_loads = threading.Lock()


def load(loading: Loading, wait_s: float) -> GgufModel | None:
    """Return the model, loaded at its first use; None when another is still being loaded after `wait_s`. Raises CannotLoad."""
    try:
        status = loading.path.stat()
    except OSError as error:
        raise CannotLoad(f"{loading.path}: {error.strerror}") from None
    key = _Key(loading, status.st_mtime_ns, status.st_size)
    if (found := _loaded.get(key)) is not None:
        return found
    if not _one_loads.acquire(timeout=max(wait_s, 0)):
        return None
    try:
        if key not in _loaded:
            for other in [other for other in _loaded if other.loading == loading]:  # the file was replaced
                del _loaded[other]
            _loaded[key] = GgufModel(loading)
        return _loaded[key]
    finally:
        _one_loads.release()


class GgufModel:
    """A loaded model. Whoever generates holds `lock`; the rest may be called by several threads at once."""

    def __init__(self, loading: Loading) -> None:
        self.lock = threading.Lock()
        self.context_tokens = loading.context_tokens
        header = _checked(loading)
        self._llama: Any = _llama(loading)
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(self._llama.model)
        self.name = str(header.metadata.get("general.name") or loading.path.stem)
        template = llama_cpp.llama_model_chat_template(self._llama.model, None)
        self.stop = () if template else _PLAIN_STOP  # what ends an answer beside the model's own tokens
        self._begin = self._special(self._llama.token_bos())
        source = template.decode() if template else _PLAIN_CHAT
        self._chat: Any = Jinja2ChatFormatter(source, self._special(self._llama.token_eos()), self._begin)

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the tokens of a conversation, up to where the answer begins. Raises UnfitMessages."""
        try:
            text = self._chat(messages=messages).prompt
            data = text.encode()
        except Exception as error:  # whatever a template raises: it is a program that came with the file
            raise UnfitMessages(f"the chat template does not take these messages: {error}") from None
        # Most templates write the token that begins every text; the tokenizer adds it for those that do not.
        tokens: list[int] = self._llama.tokenize(data, add_bos=not text.startswith(self._begin), special=True)
        return tokens

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token, which may be a part of a character; none for a control token."""
        size = 64  # the library's own detokenize asserts 32, and vocabularies hold longer runs of spaces
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = int(llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False))
            if count >= 0:
                return bytes(buffer.raw[:count])
            size = -count

    def ends(self, token: int) -> bool:
        """Whether a token says that the answer is complete."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def takes(self, grammar: str) -> bool:
        """Whether llama.cpp can follow a grammar: it follows one that it cannot parse into a crash."""
        sampler = llama_cpp.llama_sampler_init_grammar(self._vocabulary, grammar.encode(), b"root")
        if not sampler:
            return False
        llama_cpp.llama_sampler_free(sampler)
        return True

    def generate(
        self, prompt: Sequence[int], seed: int | None, grammar: str | None, sampling: Mapping[str, Any], check: Callable[[], None]
    ) -> Generator[int, None, None]:
        """Yield token after token without end; `check` is called between the pieces of a long prompt and may raise.

        Every answer begins from an empty context: what was asked before leaves no trace in it, not even a rounding error.
        """
        llama = self._llama
        llama.set_seed(llama_cpp.LLAMA_DEFAULT_SEED if seed is None else seed % llama_cpp.LLAMA_DEFAULT_SEED)  # which itself means chance
        llama.reset()
        for start in range(0, len(prompt) - 1, _BATCH):
            llama.eval(prompt[start : min(start + _BATCH, len(prompt) - 1)])
            check()
        follow = None if grammar is None else LlamaGrammar.from_string(grammar)
        yield from llama.generate(prompt[-1:], reset=False, grammar=follow, **sampling)

    def _special(self, token: int) -> str:
        text: bytes | None = None if token < 0 else llama_cpp.llama_vocab_get_text(self._vocabulary, token)
        return text.decode(errors="replace") if text else ""


def _llama(loading: Loading) -> llama_cpp.Llama:
    _last_errors.clear()
    threads = loading.threads or os.cpu_count()
    try:
        return llama_cpp.Llama(
            str(loading.path),
            n_ctx=loading.context_tokens,
            n_batch=_BATCH,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=loading.gpu_layers,
            verbose=False,
        )
    except Exception as error:  # the library's, ctypes', numpy's and, for the file's chat template, jinja2's
        why = "; ".join(_last_errors) or str(error) or type(error).__name__
        raise CannotLoad(f"{loading.path}: llama.cpp cannot load it: {why}") from None


def _checked(loading: Loading) -> Header:
    """Return the header of a file that is sound and whose context fits into memory. Raises CannotLoad."""
    try:
        header = read_header(loading.path)
    except BadGguf as damage:
        raise CannotLoad(f"{loading.path}: {damage}") from None
    except OSError as error:
        raise CannotLoad(f"{loading.path}: {error.strerror}") from None
    needed, there = _context_bytes(header) * loading.context_tokens, _memory_bytes()
    if needed > there:
        fact = f"a context of {loading.context_tokens} tokens takes {needed / 2**30:.1f} GiB, and {there / 2**30:.1f} are available"
        raise CannotLoad(f"{loading.path}: {fact}")
    return header


def _context_bytes(header: Header) -> int:
    """Return what a token of context costs in memory, which llama.cpp fills at once; 0 where that cannot be told from the header."""
    layers, heads = header.number("block_count"), header.number("attention.head_count")
    width = header.number("embedding_length")
    if layers is None or heads is None or width is None or header.number("attention.sliding_window"):
        return 0
    head = width // heads
    keys = header.number("attention.key_length") or head
    values = header.number("attention.value_length") or head
    return layers * (header.number("attention.head_count_kv") or heads) * (keys + values) * _KV_BYTES


def _memory_bytes() -> int:
    """Return the memory that a process may still take, page cache included; all of the machine's where nothing says so."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
