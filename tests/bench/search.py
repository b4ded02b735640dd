"""Finding one of 100,000 stories by the beginning of a word, a misspelling, two words, a key, and not at all."""

import random
import statistics
import time
from typing import Any

from django.db import connection

from portal.search.actions import reindex
from portal.search.queries import find
from squads.models import Story
from tests.bench import data

STORIES, QUERIES = 100_000, 60
Row = dict[str, Any]


def _vocabulary(luck: random.Random) -> list[str]:
    """Words as long as people's, and as many as a company uses."""
    starts = [
        "sad",
        "bri",
        "hor",
        "pay",
        "car",
        "che",
        "ord",
        "ref",
        "del",
        "inv",
        "sto",
        "acc",
        "log",
        "ret",
        "pri",
        "cus",
    ]
    middles = [
        "dle",
        "dge",
        "men",
        "ter",
        "cko",
        "und",
        "ive",
        "oic",
        "rag",
        "oun",
        "ist",
        "urn",
        "vac",
        "tom",
        "lan",
        "ser",
    ]
    ends = "ry ing er ment able tion ed less ly ship or al".split()
    return sorted(
        {
            luck.choice(starts) + luck.choice(middles) + luck.choice(["", "e", "o", "ra"]) + luck.choice(ends)
            for _ in range(6000)
        }
    )


def _write(words: list[str], luck: random.Random) -> None:
    for squad in data.squads(20, "F"):
        if squad.stories.count() >= STORIES // 20:
            continue
        for start in range(0, STORIES // 20, 5000):
            Story.objects.bulk_create(
                Story(
                    squad=squad,
                    number=number,
                    rank=number,
                    key=f"{squad.key_prefix}-{number}",
                    title="As a rider I want " + " ".join(luck.choices(words, k=5)),
                    description=" ".join(luck.choices(words, k=40)),
                )
                for number in range(start + 1, start + 5001)
            )


def _p95(texts: list[str], least: int) -> float:
    times = []
    for text in texts:
        start = time.perf_counter()
        found = find(text)
        times.append((time.perf_counter() - start) * 1000)
        assert len(found.hits) >= least, text
    return statistics.quantiles(times, n=20)[-1]


def _misspelt(word: str, luck: random.Random) -> str:
    at = luck.randrange(1, len(word) - 2)
    if word[at] == word[at + 1]:
        return word[:at] + word[at + 1 :] + "x"
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def run() -> list[Row]:
    """Index everything, then ask."""
    from tests.bench.one import row

    luck = random.Random(1)
    words = _vocabulary(luck)
    _write(words, luck)
    start = time.perf_counter()
    counts, _ = reindex()
    took = time.perf_counter() - start
    data.analyze()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE portal_searchentry")
    assert counts["story"] >= STORIES
    chosen = [luck.choice(words) for _ in range(QUERIES)]
    find("warm")
    asked = {
        "the beginning of a word": [word[: luck.randint(3, 5)] for word in chosen],
        "a misspelling": [_misspelt(word, luck) for word in chosen],
        "two words": [f"{word[:5]} {luck.choice(words)[:4]}" for word in chosen],
        "a word of all of them": ["rider", "want", "r", "as a rider", "w"] * 8,
        "a key": [f"F{luck.randrange(20)}-{luck.randint(1, 5000)}" for _ in chosen],
        "nothing": [f"zzq{number}wv unheard{number}of" for number in range(QUERIES)],
    }
    rows = [row("index 100,000 stories anew", took, "s")]
    for name, texts in asked.items():
        least = {"nothing": 0, "two words": 0}.get(name, 0 if name == "a misspelling" else 1)
        rows.append(row(f"search among 100,000, {name}, p95", _p95(texts, least), "ms", 100))
    found = sum(bool(find(text).hits) for text in asked["a misspelling"]) / QUERIES
    rows.append(row("misspellings that were understood", 100 * found, "%", 95, least=True))
    return rows
