"""An engine for thought models, on transformers: vLLM cannot run a thought between two tokens.

Requests are batched continuously. The draws of a request depend on its seed alone: its random numbers come from
a generator of its own, on the CPU.
"""

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from frontiers.core.cli import UserError
from frontiers.generation.engines.vllm import device_name, out_of_memory
from frontiers.generation.requests import Completion, Request, kept_of


@dataclass
class Running:
    """A running request: its random generator, the tokens so far, and when it began and wrote the first one."""

    request: Request
    generator: object
    begun: float
    tokens: list[int] = field(default_factory=list)
    first: float | None = None


class ThoughtEngine:
    """Decodes with a checkpoint that has thought tokens and a mixing head.

    `arguments` are those of `vllm.LLM` (model, dtype, max_num_seqs), `thoughts` is the model's block of that
    name. The checkpoint is loaded with the first request. Out of memory, the engine restarts the requests in
    flight, half as many at a time. Raises `UserError` for a frequency penalty, which is not supported.
    """

    def __init__(
        self,
        arguments: Mapping,
        thoughts: Mapping,
        sampling: Mapping,
        tokenizer,
        devices: int,
        report: Callable[[str], None],
    ):
        if sampling.get("frequency_penalty"):
            raise UserError(
                "a model with `thoughts` cannot have a frequency penalty; set sampling.frequency_penalty to 0"
            )
        self.arguments, self.thoughts, self.sampling = dict(arguments), thoughts, sampling
        self.tokenizer, self.devices, self.report = tokenizer, devices, report
        self.start_seconds: float | None = None
        self._model = self._batch = None
        self._flying: dict[str, Request] = {}
        self._waiting: list[Request] = []
        self._running: list[Running] = []

    @property
    def capacity(self) -> int:
        """Number of requests to hand over at a time."""
        return self.arguments["max_num_seqs"]

    def submit(self, request: Request) -> None:
        """Accept a request; the first one loads the checkpoint."""
        if self._model is None:
            self._start()
        self._flying[request.id] = request
        self._waiting.append(request)

    def receive(self) -> list[Completion]:
        """Return the completions of the next requests to finish; seconds run from a request's own start."""
        import torch

        with torch.inference_mode():
            while True:
                try:
                    if done := self._step():
                        for completion in done:
                            del self._flying[completion.id]
                        return done
                except (RuntimeError, MemoryError) as error:
                    self._halve(error)

    def _start(self) -> None:
        begun = time.monotonic()
        import torch
        from transformers import (
            LogitsProcessorList,
            TemperatureLogitsWarper,
            TopKLogitsWarper,
            TopPLogitsWarper,
        )

        from frontiers.generation.engines import thought_model

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = thought_model.load(Path(self.arguments["model"]), self.arguments["dtype"], device)
        size = self._model.config.vocab_size
        known = self.tokenizer.get_vocab()
        tokens = {known[token] for token in (thought_model.START, thought_model.END) if token in known}
        self._barred = torch.tensor(sorted({*range(len(self.tokenizer), size), *tokens}), device=device)
        warpers = LogitsProcessorList()
        if self.sampling["temperature"] not in (0, 1):
            warpers.append(TemperatureLogitsWarper(float(self.sampling["temperature"])))
        if self.sampling.get("top_k"):
            warpers.append(TopKLogitsWarper(self.sampling["top_k"]))
        if self.sampling.get("top_p", 1) < 1:
            warpers.append(TopPLogitsWarper(self.sampling["top_p"]))
        self._warpers = warpers
        self.start_seconds = time.monotonic() - begun

    def _step(self) -> list[Completion]:
        """Let every running request think and write one token; return the completions."""
        import torch

        from frontiers.generation.engines import thought_model

        self._admit()
        count = self.thoughts["tokens"]
        uniforms = torch.stack(
            [torch.rand(count + 1, generator=r.generator, dtype=torch.float64) for r in self._running]
        ).to(self._model.device)
        after, _ = thought_model.think(
            self._model, self._batch, self.thoughts["temperature"], self._barred, uniforms[:, :count]
        )
        logits = self._model.mix(self._batch.hidden, after)
        logits[:, self._barred] = -torch.inf
        chance = uniforms[:, count] if self.sampling["temperature"] else None
        tokens = thought_model.draw(self._warpers(None, logits), chance)
        now, done, going = time.monotonic(), [], []
        for row, (running, token) in enumerate(zip(self._running, tokens.tolist(), strict=True)):
            running.tokens.append(token)
            running.first = running.first or now
            finished = completion_of(running, now, self.tokenizer)
            done.append(finished) if finished else going.append(row)
        if len(going) < len(self._running):
            rows = torch.tensor(going, dtype=torch.long, device=tokens.device)
            self._running = [self._running[row] for row in going]
            self._batch, tokens = self._batch.select(rows) if going else None, tokens[rows]
        if going:
            self._batch = thought_model.feed(
                self._model, self._batch, self._model.get_input_embeddings()(tokens)
            )
        return done

    def _admit(self) -> None:
        """Start waiting requests in the free seats."""
        import torch

        from frontiers.generation.engines import thought_model

        room = self.arguments["max_num_seqs"] - len(self._running)
        fresh, self._waiting = self._waiting[:room], self._waiting[room:]
        if not fresh:
            return
        now = time.monotonic()
        self._running += [Running(r, torch.Generator().manual_seed(r.seed), now) for r in fresh]
        batch = thought_model.prefill(self._model, [request.prompt for request in fresh])
        self._batch = self._batch.join(batch) if self._batch else batch

    def _halve(self, error: Exception) -> None:
        if not out_of_memory(error):
            raise error
        if self.arguments["max_num_seqs"] == 1:
            raise UserError(
                f"{self.arguments['model']}: out of memory with a single request ({error}). What was decoded is in the "
                "journal: use a larger device or a smaller engine.max_model_len, then rerun the command to continue"
            ) from error
        self.arguments["max_num_seqs"] //= 2
        self._waiting, self._running, self._batch = list(self._flying.values()), [], None
        self.report(f"out of memory: continuing with {self.arguments['max_num_seqs']} requests at a time")

    def describe(self) -> dict:
        """Return versions of transformers and torch, the device, its peak memory in bytes, and the thoughts."""
        import torch

        measured = self.start_seconds is not None and torch.cuda.is_available()
        return {
            "engine_version": {"transformers": importlib.metadata.version("transformers")},
            "engine_start_seconds": self.start_seconds,
            "max_num_seqs": self.arguments["max_num_seqs"],
            "torch": torch.__version__,
            "device": device_name(self.start_seconds is not None),
            "cuda": torch.version.cuda,
            "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if measured else None,
            "thoughts": dict(self.thoughts),
        }


def completion_of(running: Running, now: float, tokenizer) -> Completion | None:
    """Return the completion of a request if its last token ended it, otherwise None.

    What it stopped at is left out unless the request keeps it.
    """
    request, tokens = running.request, tuple(running.tokens)
    ended = tokens[-1] in request.stop or (
        request.stop_text and request.stop_text in tokenizer.decode(tokens)
    )
    if not ended and len(tokens) < request.max_tokens:
        return None
    reason = "stop" if ended else "length"
    kept, stopped_at = kept_of(request, tokens, reason, tokenizer)
    return Completion(
        id=request.id,
        tokens=kept,
        decoded=len(tokens),
        finish_reason=reason,
        stopped_at=stopped_at,
        first_seconds=running.first - running.begun,
        seconds=now - running.begun,
    )
