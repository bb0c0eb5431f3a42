"""LightGBM's text of a model, rewritten: several models made one, a column held at a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

_VALUES = re.compile(r"^(leaf_value|internal_value)=(.*)$", re.MULTILINE)
_OF_NODES = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "internal_value",
    "internal_weight",
)
_OF_LEAVES = ("leaf_value", "leaf_weight")
_OF_COLUMNS = ("feature_names", "monotone_constraints", "feature_infos")


def merged(texts: Sequence[str], weights: Sequence[float]) -> str:
    """Return LightGBM's text of one model that has all trees of several, weighted.

    Parameters
    ----------
    texts : what ``model_to_string`` gave for models of the same columns.
    weights : what the log-odds of each count for.
    """
    head, _, tail = _cut(texts[0])
    trees = [
        _VALUES.sub(partial(_scaled, weight=weight), tree)
        for text, weight in zip(texts, weights, strict=True)
        for tree in _cut(text)[1]
    ]
    return _together(head, trees, tail)


def without_last(text: str, value: float) -> str:
    """Return LightGBM's text of the model of all columns but the last, which has one value.

    Every split on that column is replaced by the side that the value falls to. The rows that a
    split on another column has on either side count as before, so that contributions are those
    among all rows that the model learned from.

    Parameters
    ----------
    text : what ``model_to_string`` gave. The last column is a number.
    value : of that column, not missing.
    """
    head, trees, tail = _cut(text)
    last = int(_field(head, "max_feature_idx"))
    head = _with(head, "max_feature_idx", str(last - 1))
    for name in _OF_COLUMNS:
        if f"\n{name}=" in head:
            head = _with(head, name, " ".join(_field(head, name).split()[:last]))
    return _together(head, [_Pruned(tree, last, value).text for tree in trees], tail)


class _Pruned:
    """One tree, its splits on a column decided.

    Parameters
    ----------
    tree : its text.
    column, value : what is decided, and by what.
    """

    def __init__(self, tree: str, column: int, value: float) -> None:
        self.column, self.value = column, value
        lines = [line.split("=", 1) for line in tree.splitlines() if "=" in line]
        self.fields = {name: words.split() for name, words in lines}
        self.nodes: list[int] = []
        self.leaves: list[tuple[int, int]] = []
        self.children: list[tuple[int, int, int]] = []
        self._keep(0 if self.fields["split_feature"] else ~0, 1.0)
        written = {name: " ".join(words) for name, words in self._rewritten().items()}
        self.text = "".join(f"{name}={words}\n" for name, words in written.items()) + "\n\n"

    def _keep(self, node: int, scale: float) -> tuple[int, int]:
        """Take over a node and all below it; return its new number and how many rows it has.

        Parameters
        ----------
        node : its old number, a leaf's complemented.
        scale : how many times its rows count, since they stand for those of decided splits above.
        """
        while node >= 0 and int(self.fields["split_feature"][node]) == self.column:
            left = self.value <= float(self.fields["threshold"][node])
            chosen = int(self.fields["left_child" if left else "right_child"][node])
            scale *= self._rows(node) / self._rows(chosen)
            node = chosen
        if node < 0:
            rows = max(1, round(self._rows(node) * scale))
            self.leaves.append((~node, rows))
            return ~(len(self.leaves) - 1), rows
        place = len(self.nodes)
        self.nodes.append(node)
        self.children.append((0, 0, 0))
        sides = [
            self._keep(int(self.fields[side][node]), scale)
            for side in ("left_child", "right_child")
        ]
        rows = sides[0][1] + sides[1][1]
        self.children[place] = sides[0][0], sides[1][0], rows
        return place, rows

    def _rows(self, node: int) -> int:
        return int(self.fields["leaf_count" if node < 0 else "internal_count"][max(node, ~node)])

    def _rewritten(self) -> Mapping[str, Sequence[str]]:
        left, right, rows = zip(*self.children, strict=True) if self.children else ((), (), ())
        old_leaves, counts = zip(*self.leaves, strict=True)
        taken = dict.fromkeys(_OF_NODES, self.nodes) | dict.fromkeys(_OF_LEAVES, old_leaves)
        made = {
            "num_leaves": (len(self.leaves),),
            "left_child": left,
            "right_child": right,
            "internal_count": rows,
            "leaf_count": counts,
        }
        return {
            name: [words[place] for place in taken[name]]
            if words and name in taken
            else [str(each) for each in made.get(name, words)]
            for name, words in self.fields.items()
        }


def _field(head: str, name: str) -> str:
    return head.split(f"\n{name}=", 1)[1].split("\n", 1)[0]


def _with(head: str, name: str, words: str) -> str:
    return re.sub(rf"^{name}=.*$", f"{name}={words}", head, flags=re.MULTILINE)


def _together(head: str, trees: Sequence[str], tail: str) -> str:
    """Return the trees numbered; LightGBM looks each up by the sizes that its head gives."""
    numbered = [f"Tree={number}\n{tree}" for number, tree in enumerate(trees)]
    sizes = " ".join(str(len(tree)) for tree in numbered)
    return _with(head, "tree_sizes", sizes) + "".join(numbered) + tail


def _cut(text: str) -> tuple[str, list[str], str]:
    """Return what stands before the trees, each tree without its number, and what comes after."""
    head, *trees = re.split(r"^Tree=\d+\n", text, flags=re.MULTILINE)
    last, mark, rest = trees[-1].partition("end of trees")
    return head, [*trees[:-1], last], mark + rest


def _scaled(found: re.Match[str], weight: float) -> str:
    values = " ".join(repr(float(word) * weight) for word in found[2].split())
    return f"{found[1]}={values}"
