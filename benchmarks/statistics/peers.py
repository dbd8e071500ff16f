"""What a user of other packages would call different, by their public functions with their default arguments.

Each function takes the values [variants, datasets, seeds] of one table and returns which pairs of variants it says
differ: [variants, variants], of which the upper triangle counts.  All but `pooled` get means over seeds, as the
packages' manuals show.
"""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

ALPHA = 0.05
Peer = Callable[[np.ndarray], np.ndarray]


def _frame(values: np.ndarray) -> pd.DataFrame:
    """Datasets x variants."""
    names = [f"v{v}" for v in range(len(values))]
    return pd.DataFrame(values.mean(axis=-1).T, columns=names)


def _friedman(frame: pd.DataFrame) -> bool:
    return stats.friedmanchisquare(*frame.to_numpy().T).pvalue < ALPHA


def critical_difference(values: np.ndarray, **options: float) -> np.ndarray:
    """aeon's critical difference diagram: one-sided Wilcoxon tests at alpha / (k - 1), alpha 0.1.

    Pairs below that level, of those that it tests at all.  (Its bars can leave more pairs apart.)
    """
    import matplotlib.pyplot as plt
    from aeon.visualisation import plot_critical_difference

    frame = _frame(values)
    figure, _, p = plot_critical_difference(frame.to_numpy(), list(frame), return_p_values=True, **options)
    plt.close(figure)
    order = np.argsort(stats.rankdata(-frame.to_numpy(), axis=1).mean(axis=0))  # that of the rows of p
    found = np.zeros_like(p, bool)
    found[np.ix_(order, order)] = (p + np.tril(np.ones_like(p), -1)) < options.get("alpha", 0.1) / (len(p) - 1)
    return found | found.T


def critical_difference_05(values: np.ndarray) -> np.ndarray:
    """The same asked for alpha 0.05."""
    return critical_difference(values, alpha=ALPHA)


def multi_comparison_matrix(values: np.ndarray) -> np.ndarray:
    """aeon's multi-comparison matrix: its bold cells (one-sided Wilcoxon, Holm)."""
    import matplotlib.pyplot as plt
    from aeon.visualisation import create_multi_comparison_matrix

    frame = _frame(values)
    figure = create_multi_comparison_matrix(frame)
    axes = figure.axes[0]
    rows = [label.get_text().split("\n")[0] for label in axes.get_yticklabels()]
    columns = [label.get_text().split("\n")[0] for label in axes.get_xticklabels()]
    found = np.zeros((len(values), len(values)), bool)
    for cell in axes.texts:
        column, row = map(round, cell.get_position())
        if cell.get_fontweight() == "bold" and rows[row] != columns[column]:
            found[frame.columns.get_loc(rows[row]), frame.columns.get_loc(columns[column])] = True
    plt.close(figure)
    return found | found.T


def bold_cells(values: np.ndarray) -> np.ndarray:
    """A matrix of two-sided Wilcoxon tests (Pratt) whose cells are bold below 0.05, uncorrected: how MCM is read."""
    means = values.mean(axis=-1)
    found = np.zeros((len(means), len(means)), bool)
    for a, b in zip(*np.triu_indices(len(means), 1), strict=True):
        if (means[a] != means[b]).any():
            found[a, b] = stats.wilcoxon(means[a], means[b], zero_method="pratt").pvalue < ALPHA
    return found


def autorank(values: np.ndarray) -> np.ndarray:
    """autorank: what its report says, by the test that it chooses from the data."""
    import matplotlib.pyplot as plt
    from autorank import autorank as rank

    frame = _frame(values)
    with contextlib.redirect_stdout(io.StringIO()):
        result = rank(frame)
    plt.close("all")
    found = np.zeros((frame.shape[1], frame.shape[1]), bool)
    if result.pvalue >= result.alpha:
        return found
    if frame.shape[1] == 2:
        return ~found
    table = result.rankdf.loc[list(frame)]
    if result.posthoc == "nemenyi":
        rank_ = table["meanrank"].to_numpy(float)
        return np.abs(rank_[:, None] - rank_) > result.cd
    low, high = (table[column].to_numpy(float) for column in ("ci_lower", "ci_upper"))
    return (low[:, None] > high) | (low > high[:, None])  # Tukey's intervals, apart


def autorank_two(values: np.ndarray) -> np.ndarray:
    """autorank on the first two variants alone."""
    found = np.zeros((len(values), len(values)), bool)
    found[:2, :2] = autorank(values[:2])
    return found


def nemenyi(values: np.ndarray) -> np.ndarray:
    """scikit-posthocs: Nemenyi after a significant Friedman test."""
    from scikit_posthocs import posthoc_nemenyi_friedman

    frame = _frame(values)
    return (posthoc_nemenyi_friedman(frame).to_numpy() < ALPHA) & _friedman(frame)


def conover(values: np.ndarray) -> np.ndarray:
    """scikit-posthocs: Conover after a significant Friedman test (no adjustment by default)."""
    from scikit_posthocs import posthoc_conover_friedman

    frame = _frame(values)
    return (posthoc_conover_friedman(frame).to_numpy() < ALPHA) & _friedman(frame)


def wilcoxon_holm(values: np.ndarray) -> np.ndarray:
    """scikit-posthocs: two-sided Wilcoxon, Holm."""
    return _wilcoxon(values.mean(axis=-1))


def pooled(values: np.ndarray) -> np.ndarray:
    """The same with every seed of every dataset as a row."""
    return _wilcoxon(values.reshape(len(values), -1))


def _wilcoxon(rows: np.ndarray) -> np.ndarray:
    from scikit_posthocs import posthoc_wilcoxon

    names = [f"v{v}" for v in range(len(rows))]
    long = pd.DataFrame(rows.T, columns=names).melt(var_name="variant")
    p = posthoc_wilcoxon(long, val_col="value", group_col="variant", p_adjust="holm")
    return p.loc[names, names].to_numpy() < ALPHA


PEERS: dict[str, tuple[str, Peer]] = {
    "aeon, critical difference diagram (its alpha: 0.1)": ("aeon", critical_difference),
    "aeon, critical difference diagram, alpha 0.05": ("aeon", critical_difference_05),
    "aeon, multi-comparison matrix": ("aeon", multi_comparison_matrix),
    "MCM-style bold cells (Wilcoxon, uncorrected)": ("scipy", bold_cells),
    "autorank": ("autorank", autorank),
    "autorank, two variants": ("autorank", autorank_two),
    "scikit-posthocs, Friedman and Nemenyi": ("scikit_posthocs", nemenyi),
    "scikit-posthocs, Friedman and Conover": ("scikit_posthocs", conover),
    "scikit-posthocs, Wilcoxon and Holm": ("scikit_posthocs", wilcoxon_holm),
    "scikit-posthocs, Wilcoxon and Holm, every seed a row": ("scikit_posthocs", pooled),
}


def missing() -> list[str]:
    """Packages that are not installed: their rows are left out."""
    return sorted({package for package, _ in PEERS.values() if not importlib.util.find_spec(package)})


def installed(words: tuple[str, ...] = ("",)) -> dict[str, Peer]:
    """Those whose names hold one of the words."""
    absent = missing()
    chosen = {name: way for name, way in PEERS.items() if any(word in name for word in words)}
    return {name: peer for name, (package, peer) in chosen.items() if package not in absent}


def quiet() -> None:
    """The peers warn on every table of few datasets or with ties; figures are not shown."""
    import matplotlib

    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
