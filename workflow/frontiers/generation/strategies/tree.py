"""Trees of steps, guided by a reward model: REBASE (Wu et al. 2024, arXiv 2408.00724) and plain beam search.

A node is a trace up to the end of a step. At every depth the live nodes are scored and share the rest of the
budget: B_i = width - leaves so far. A node is a leaf once it has a final answer: the model has ended its thinking
and answered, or ended its text; in a trace without markers a box is an answer too. Nodes live at the last depth,
or without room, are forced to answer. So a tree has `width` leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from frontiers.data.problems import Problem
from frontiers.generation import reward_layout
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import Completion, Episode, Request, Scores, before_text, derive_seed
from frontiers.generation.reward_layout import RewardLayout
from frontiers.generation.strategies.chain import Settings, prompts_with_room
from frontiers.generation.strategies.tree_shape import Shape

Path = tuple[int, ...]
LOWEST = 0.0
"""The reward of a node whose score is NaN, or that has no step to score."""


@dataclass(eq=False)
class Node:
    """A trace from the root: `tokens` after the prompt; `cached` positions, the prompt's included, are in the cache.

    `stop` says how its last step ended: "step", "end" of thinking, "sequence", "length". `fate` is that of the
    table `passes`. A leaf that was forced to answer, or ended its thinking, has `end` tokens and then an `answer`.
    """

    path: Path
    tokens: tuple[int, ...] = ()
    cached: int = 0
    stop: str = "step"
    fate: str = "prompt"
    scores: Scores | None = None
    end: tuple[int, ...] = ()
    answer: Completion | None = None

    @property
    def reward(self) -> float | None:
        """Score of the last step; None if there is none or it is NaN."""
        return self.scores.scores[-1] if self.scores else None


@dataclass
class Tree:
    """The result of an episode: the leaves in the order of their paths, and the rows of the table `passes`."""

    problem_id: str
    seed: int
    prompt_tokens: int
    seconds: float | None = 0.0
    leaves: list[Node] = field(default_factory=list)
    passes: list[dict] = field(default_factory=list)

    def book(
        self, role: str, phase: str, node: Path, suffix: str, past: int, prefill: int, decoded: int
    ) -> dict:
        """Add a row to the table `passes`; its fate and reward are set later."""
        name = ".".join(map(str, node)) or "root"
        parent = name if suffix else ".".join(map(str, node[:-1])) or "root"
        self.passes.append(
            {
                "problem_id": self.problem_id,
                "sample": 0,
                "cap": None,
                "role": role,
                "phase": phase,
                "node": name + suffix,
                "parent": None if not node else parent,
                "past_tokens": past,
                "prefill_tokens": prefill,
                "decoded_tokens": decoded,
                "reward": None,
                "fate": "prompt",
            }
        )
        return self.passes[-1]

    def took(self, replies: Sequence[Completion | Scores]) -> None:
        """Add the time of requests that ran together, that of the slowest."""
        times = [reply.seconds for reply in replies]
        known = self.seconds is not None and None not in times
        self.seconds = self.seconds + max(times, default=0.0) if known else None


def episodes(
    problems: Sequence[Problem],
    tokenizer,
    thinking: Thinking,
    template: dict,
    settings: Settings,
    shape: Shape,
    layout: RewardLayout,
) -> list[Episode[Tree]]:
    """Return an episode for every problem. Raises `UserError` for a problem whose prompt fills the context."""
    prompts = prompts_with_room(problems, tokenizer, thinking, template, settings)
    return [
        episode(problem, prompt, tokenizer, thinking, settings, shape, layout)
        for problem, prompt in zip(problems, prompts, strict=True)
    ]


def episode(
    problem: Problem,
    prompt: tuple[int, ...],
    tokenizer,
    thinking: Thinking,
    settings: Settings,
    shape: Shape,
    layout: RewardLayout,
) -> Episode[Tree]:
    """Grow the tree of one problem. Its seeds derive from the study's seed, model, benchmark, problem and path."""
    seed = derive_seed(settings.seed, settings.model, settings.benchmark, problem.id, 0)
    tree = Tree(problem.id, seed, len(prompt))
    tree.book("policy", "prefill", (), "", 0, len(prompt) - 1, 0)
    grower = _Grower(problem, prompt, tokenizer, thinking, settings, shape, layout, tree)
    live, widths = [Node((), cached=len(prompt) - 1)], [shape.width]
    for depth in range(1, shape.depth + 1):
        grown = yield from grower.grow(live, widths)
        last = depth == shape.depth
        ended = [n for n in grown if n.stop in ("end", "sequence") or last or not grower.room(n)]
        yield from grower.finish(ended)
        yield from grower.score(grown)
        tree.leaves += ended
        live = [node for node in grown if node not in ended]
        if not live:
            break
        scores = [LOWEST if node.reward is None else node.reward for node in live]
        widths = shape.widths(scores, shape.width - len(tree.leaves))
        for node, width in zip(live, widths, strict=True):
            node.fate = "expanded" if width else "pruned"
    grower.set_fates()
    tree.leaves.sort(key=lambda node: node.path)
    return tree


class _Grower:
    """The rounds of requests of one tree."""

    def __init__(self, problem, prompt, tokenizer, thinking, settings, shape, layout, tree):
        self.problem, self.prompt, self.tokenizer = problem, prompt, tokenizer
        self.thinking, self.settings, self.shape = thinking, settings, shape
        self.layout, self.tree = layout, tree
        self.stop, self.stop_text = thinking.stops(settings.stop)
        if shape.separator is None:
            self.stop_text = shape.step
        else:
            self.stop = tuple(sorted({*self.stop, shape.separator}))
        self.nodes: dict[tuple[str, str], Node] = {}

    def room(self, node: Node) -> int:
        """Return how many tokens another step may take without using the room for an answer."""
        taken = (
            len(self.prompt) + len(node.tokens) + len(self.thinking.forced_end) + self.settings.answer_tokens
        )
        return max(self.settings.context - taken, 0)

    def grow(self, live: Sequence[Node], widths: Sequence[int]) -> Episode[list[Node]]:
        """Draw the children of the live nodes, each to the end of its step."""
        requests, parents = [], []
        for node, width in zip(live, widths, strict=True):
            for child in range(width):
                path = (*node.path, child)
                requests.append(
                    Request(
                        self.prompt + node.tokens,
                        derive_seed(self.tree.seed, "step", *path),
                        min(self.shape.step_tokens, self.room(node)),
                        self.stop,
                        self.stop_text,
                        written=len(node.tokens),
                        keep=True,
                    )
                )
                parents.append((node, path))
        replies = yield requests
        replies = [reply.within(r.max_tokens) for reply, r in zip(replies, requests, strict=True)]
        self.tree.took(replies)
        return [self._child(*pair, reply) for pair, reply in zip(parents, replies, strict=True)]

    def _child(self, parent: Node, path: Path, reply: Completion) -> Node:
        start = len(self.prompt) + len(parent.tokens)
        past = min(parent.cached, start - 1)
        self.tree.book("policy", "reasoning", path, "", past, start - past, reply.decoded)
        node = Node(path, parent.tokens + reply.tokens, start + reply.decoded - 1)
        if reply.finish_reason == "length":
            node.stop = "length"
        elif reply.stopped_at == self.shape.separator:
            node.stop = "step"
        elif self.thinking.closed_by(reply.stopped_at):
            node.stop, node.end = "end", self.thinking.end
            own = reply.tokens[:-1]
            if len(self.thinking.end) > 1:
                own = before_text(reply.tokens, self.thinking.end_text, self.tokenizer)
            node.tokens = parent.tokens + tuple(own)
        else:
            node.stop = "sequence"
            node.tokens = node.tokens[:-1]
        if self.thinking.style == "prompt" and holds_box(self.tokenizer.decode(list(node.tokens))):
            node.stop = "sequence"
        self.nodes["policy", _name(path)] = node
        return node

    def finish(self, ended: Sequence[Node]) -> Episode[None]:
        """Draw the answers of nodes that have ended, or that must answer now."""
        requests, answering = [], []
        for node in ended:
            if node.stop == "sequence":
                node.fate = "complete" if self.thinking.style == "prompt" else "truncated"
                continue
            node.fate = "complete" if node.stop == "end" else "forced"
            node.end = node.end or self.thinking.forced_end
            start = self.prompt + node.tokens + node.end
            room = self.settings.context - len(start)
            if room < 1:
                node.fate, node.end = "truncated", ()
                continue
            seed = derive_seed(self.tree.seed, "answer", *node.path)
            budget = min(self.settings.answer_tokens, room)
            written = len(node.tokens) + len(node.end)
            requests.append(Request(start, seed, budget, self.settings.stop, written=written))
            answering.append(node)
        if not requests:
            return
        replies = yield requests
        self.tree.took(replies)
        for node, request, reply in zip(answering, requests, replies, strict=True):
            node.answer = reply.within(request.max_tokens)
            start = len(request.prompt)
            past = min(node.cached, start - 1)
            self.tree.book("policy", "answer", node.path, ".answer", past, start - past, node.answer.decoded)
            self.nodes["policy", _name(node.path) + ".answer"] = node

    def steps(self, node: Node) -> list[str]:
        """Return the steps of a node as texts, its answer last."""
        text = self.tokenizer.decode(list(node.tokens), skip_special_tokens=True)
        steps = reward_layout.split_steps(text, self.shape.step)
        if node.answer:
            steps.append(self.tokenizer.decode(list(node.answer.tokens), skip_special_tokens=True).strip())
        return steps

    def score(self, grown: Sequence[Node]) -> Episode[None]:
        """Score the steps of new nodes; equal texts are scored once."""
        unique = {}
        for node in grown:
            request = self.layout.scoring(self.problem.id, self.problem.question, self.steps(node))
            if request is not None:
                unique.setdefault(request.id, (request, []))[1].append(node)
        if not unique:
            return
        replies = yield [request for request, _ in unique.values()]
        self.tree.took(replies)
        for (_, nodes), reply in zip(unique.values(), replies, strict=True):
            for node in nodes:
                node.scores = reply
            phase = "answer" if nodes[0].answer else "reasoning"
            self.tree.book("reward", phase, nodes[0].path, "", 0, reply.tokens, 0)
            self.nodes["reward", _name(nodes[0].path)] = nodes[0]

    def set_fates(self) -> None:
        """Set the fate and reward of every row of the table `passes`."""
        for unit in self.tree.passes[1:]:
            node = self.nodes[unit["role"], unit["node"]]
            unit["reward"] = node.reward
            unit["fate"] = node.fate
            if unit["role"] == "reward":
                unit["fate"] = "nan" if node.reward is None else "scored"


def holds_box(text: str) -> bool:
    """Return whether the last box of a text is closed: a number without a box is not a final answer."""
    opened, depth = text.rfind("\\boxed{"), 0
    for letter in text[opened:] if opened >= 0 else "":
        depth += (letter == "{") - (letter == "}")
        if letter == "}" and depth == 0:
            return True
    return False


def _name(path: Path) -> str:
    return ".".join(map(str, path))
