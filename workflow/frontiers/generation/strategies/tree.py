"""Trees of steps, guided by a reward model: REBASE (Wu et al. 2024, arXiv 2408.00724) and plain beam search.

A node is a trace that goes to the end of a step. At every depth the live nodes are scored and share what is
left of the budget: B_i = width - leaves so far. A node is a leaf when it holds a final answer: its model has
ended its thinking and answered, or ended its text; in a trace without markers a box is an answer too. What
is live at the last depth, or has no more room, is made to answer. So a tree has `width` leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from frontiers.data.problems import Problem
from frontiers.generation import reward_layout
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import Completion, Course, Request, Scores, before_text, derive_seed
from frontiers.generation.reward_layout import Rewarder
from frontiers.generation.strategies.chain import Settings, prompt_with_room
from frontiers.generation.strategies.tree_shape import Shape

Path = tuple[int, ...]
LOWEST = 0.0
"""What a node counts for whose reward is no number, or that has no step to score."""


@dataclass(eq=False)
class Node:
    """A trace from the root, `tokens` behind the prompt, of which `cached` positions with the prompt's are in the cache.

    `stop` says how its last step ended: "step", "end" of thinking, "sequence", "length". `fate` is that of
    the table `passes`. A leaf made to answer, or that has ended its thinking, has an `answer` behind `end` tokens.
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
        """Score of the last step; None where there is none or it is no number."""
        return self.scores.scores[-1] if self.scores else None


@dataclass
class Tree:
    """What a course comes to: the leaves in the order of their paths, and the units of passes behind them."""

    problem_id: str
    seed: int
    prompt_tokens: int
    seconds: float | None = 0.0
    leaves: list[Node] = field(default_factory=list)
    passes: list[dict] = field(default_factory=list)

    def book(
        self, role: str, phase: str, node: Path, suffix: str, past: int, prefill: int, decoded: int
    ) -> dict:
        """Add a unit of passes; its fate and reward are known later."""
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
        """Add the time of requests that ran together: that of the slowest."""
        times = [reply.seconds for reply in replies]
        known = self.seconds is not None and None not in times
        self.seconds = self.seconds + max(times, default=0.0) if known else None


def courses(
    problems: Sequence[Problem],
    tokenizer,
    thinking: Thinking,
    template: dict,
    settings: Settings,
    shape: Shape,
    rewarder: Rewarder,
) -> list[Course[Tree]]:
    """Return a course for every problem. Raises `UserError` for a problem whose prompt fills the context."""
    prompts = [prompt_with_room(problem, tokenizer, thinking, template, settings) for problem in problems]
    return [
        course(problem, prompt, tokenizer, thinking, settings, shape, rewarder)
        for problem, prompt in zip(problems, prompts, strict=True)
    ]


def course(
    problem: Problem,
    prompt: tuple[int, ...],
    tokenizer,
    thinking: Thinking,
    settings: Settings,
    shape: Shape,
    rewarder: Rewarder,
) -> Course[Tree]:
    """Course of the tree of one problem. Its seeds derive from the study's, model, benchmark, problem and path."""
    seed = derive_seed(settings.seed, settings.model, settings.benchmark, problem.id, 0)
    tree = Tree(problem.id, seed, len(prompt))
    tree.book("policy", "prefill", (), "", 0, len(prompt) - 1, 0)
    grower = _Grower(problem, prompt, tokenizer, thinking, settings, shape, rewarder, tree)
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
    grower.tell_fates()
    tree.leaves.sort(key=lambda node: node.path)
    return tree


class _Grower:
    """The rounds of requests of one tree."""

    def __init__(self, problem, prompt, tokenizer, thinking, settings, shape, rewarder, tree):
        self.problem, self.prompt, self.tokenizer = problem, prompt, tokenizer
        self.thinking, self.settings, self.shape = thinking, settings, shape
        self.rewarder, self.tree = rewarder, tree
        self.stop, self.stop_text = thinking.stops(settings.stop)
        if shape.separator is None:
            self.stop_text = shape.step
        else:
            self.stop = tuple(sorted({*self.stop, shape.separator}))
        self.nodes: dict[tuple[str, str], Node] = {}

    def room(self, node: Node) -> int:
        """Return how many tokens another step may have before there is no room for an answer."""
        taken = (
            len(self.prompt) + len(node.tokens) + len(self.thinking.forced_end) + self.settings.answer_tokens
        )
        return max(self.settings.context - taken, 0)

    def grow(self, live: Sequence[Node], widths: Sequence[int]) -> Course[list[Node]]:
        """Draw the children of the live nodes, each to the end of its step."""
        asked, parents = [], []
        for node, width in zip(live, widths, strict=True):
            for child in range(width):
                path = (*node.path, child)
                asked.append(
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
        replies = yield asked
        replies = [reply.within(r.max_tokens) for reply, r in zip(replies, asked, strict=True)]
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

    def finish(self, ended: Sequence[Node]) -> Course[None]:
        """Draw the answers of nodes that have ended, or whose time is up."""
        asked, wanting = [], []
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
            asked.append(Request(start, seed, budget, self.settings.stop, written=written))
            wanting.append(node)
        if not asked:
            return
        replies = yield asked
        self.tree.took(replies)
        for node, request, reply in zip(wanting, asked, replies, strict=True):
            node.answer = reply.within(request.max_tokens)
            start = len(request.prompt)
            past = min(node.cached, start - 1)
            self.tree.book("policy", "answer", node.path, ".answer", past, start - past, node.answer.decoded)
            self.nodes["policy", _name(node.path) + ".answer"] = node

    def steps(self, node: Node) -> list[str]:
        """Return the steps of a node as texts, its answer being the last."""
        text = self.tokenizer.decode(list(node.tokens), skip_special_tokens=True)
        steps = reward_layout.split_steps(text, self.shape.step)
        if node.answer:
            steps.append(self.tokenizer.decode(list(node.answer.tokens), skip_special_tokens=True).strip())
        return steps

    def score(self, grown: Sequence[Node]) -> Course[None]:
        """Have the steps of new nodes scored; nodes of the same text are read once."""
        asked = {}
        for node in grown:
            request = self.rewarder.scoring(self.problem.id, self.problem.question, self.steps(node))
            if request is not None:
                asked.setdefault(request.id, (request, []))[1].append(node)
        if not asked:
            return
        replies = yield [request for request, _ in asked.values()]
        self.tree.took(replies)
        for (_, nodes), reply in zip(asked.values(), replies, strict=True):
            for node in nodes:
                node.scores = reply
            phase = "answer" if nodes[0].answer else "reasoning"
            self.tree.book("reward", phase, nodes[0].path, "", 0, reply.tokens, 0)
            self.nodes["reward", _name(nodes[0].path)] = nodes[0]

    def tell_fates(self) -> None:
        """Write into the passes what has become of their nodes."""
        for unit in self.tree.passes[1:]:
            node = self.nodes[unit["role"], unit["node"]]
            unit["reward"] = node.reward
            unit["fate"] = node.fate
            if unit["role"] == "reward":
                unit["fate"] = "nan" if node.reward is None else "scored"


def holds_box(text: str) -> bool:
    """Return whether the last box of a text is closed: a number alone is no final answer."""
    opened, depth = text.rfind("\\boxed{"), 0
    for letter in text[opened:] if opened >= 0 else "":
        depth += (letter == "{") - (letter == "}")
        if letter == "}" and depth == 0:
            return True
    return False


def _name(path: Path) -> str:
    return ".".join(map(str, path))
