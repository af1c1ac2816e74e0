"""One engine at one size, in a process: `python -m bench.peers.measure NAME USERS ROLES`.

It prints one line of JSON. The dictionary is asked between the rounds, in the same process, so that
ratios hold on a machine that others use as well. Time is the processor time of this process, which
neighbours hardly touch.
"""

import argparse
import gc
import importlib
import json
import statistics
import time
from collections.abc import Callable, Sequence

import psutil

from bench.peers import bare_dict
from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Question, Size, World

Figures = dict[str, float | list[float]]

ROUNDS = 5
ROUND_SECONDS = 0.3
LEARNING_SECONDS = 10.0
FEWEST_ANSWERS = 30
LOADERS = {
    "bare dict": "bare_dict:load",
    "Tenantry, decision cache": "ours:load_cached",
    "Tenantry": "ours:load",
    "Django": "django_users:load",
    "Cedar": "cedar:load",
    "Oso": "oso_rules:load",
    "pycasbin, fast": "casbin_fast:load",
    "Rego": "rego:load",
}
"""Every engine, and the function that loads it."""


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.measure")
    parser.add_argument("name", choices=LOADERS)
    parser.add_argument("users", type=int)
    parser.add_argument("roles", type=int)
    parser.add_argument("--questions", type=int, default=50_000)
    options = parser.parse_args()
    module, _, function = LOADERS[options.name].partition(":")
    loader = getattr(importlib.import_module(f"bench.peers.{module}"), function)
    world = World(Size(options.users, options.roles, options.questions))
    questions = world.questions()
    reference = bare_dict.load(world)
    before = _memory()
    began = time.process_time()
    loaded = loader(world)
    took = time.process_time() - began
    figures: Figures = {"load": took, "loaded": (_memory() - before) / 2**20}
    figures |= _answers(loaded, questions)
    figures |= _rounds(loaded, reference, questions)
    figures["memory"] = (_memory() - before) / 2**20
    print(json.dumps(figures))


def _answers(loaded: Loaded, questions: Sequence[Question]) -> Figures:
    """Every answer must be right, as far as there is time to ask; this warms it up, too."""
    until = time.process_time() + LEARNING_SECONDS
    wrong = answered = 0
    for question in questions:
        wrong += loaded.ask(loaded.prepare(question)) != question.allowed
        answered += 1
        if answered >= FEWEST_ANSWERS and time.process_time() > until:
            break
    return {"answered": answered, "wrong": wrong}


def _rounds(loaded: Loaded, reference: Loaded, questions: Sequence[Question]) -> Figures:
    own = [loaded.prepare(question) for question in questions]
    bare = [reference.prepare(question) for question in questions]
    once = max(_seconds(loaded.ask, own[:FEWEST_ANSWERS]) / FEWEST_ANSWERS, 1e-7)
    count = max(5, min(len(own), int(ROUND_SECONDS / once)))
    gc.collect()
    gc.freeze()
    means, ratios = [], []
    for number in range(ROUNDS):
        # Another part of the questions each time, where not all fit into a round.
        start = number * count % max(1, len(own) - count + 1)
        mine = _seconds(loaded.ask, own[start : start + count]) / count
        theirs = _seconds(reference.ask, bare) / len(bare)
        means.append(mine)
        ratios.append(mine / theirs)
    single = sorted(_single(loaded.ask, own[: min(len(own), count, 50_000)]))
    return {
        "mean": statistics.median(means),
        "ratios": ratios,
        "p50": single[len(single) // 2],
        "p99": single[int(len(single) * 0.99)],
    }


def _seconds(ask: Callable[[Prepared], bool], prepared: Sequence[Prepared]) -> float:
    began = time.process_time()
    for one in prepared:
        ask(one)
    return time.process_time() - began


def _single(ask: Callable[[Prepared], bool], prepared: Sequence[Prepared]) -> list[float]:
    """The seconds of single calls, less what looking at the clock takes."""
    clock = time.process_time_ns
    nothing = statistics.median(-(clock() - clock()) for _ in range(1000))
    taken = []
    for one in prepared:
        began = clock()
        ask(one)
        taken.append(max(0, clock() - began - nothing) / 1e9)
    return taken


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
