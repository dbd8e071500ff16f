"""What a user of another package runs on a table: `python speed_peers.py autorank|aeon TABLE`."""

import sys
import tempfile
import warnings

import matplotlib
import pandas as pd


def autorank(means: pd.DataFrame) -> None:
    """Its frequentist and its Bayesian answer."""
    from autorank import autorank as rank

    rank(means)
    rank(means, approach="bayesian")


def aeon(means: pd.DataFrame) -> None:
    """The critical difference diagram and the multi-comparison matrix, as files."""
    from aeon.visualisation import create_multi_comparison_matrix, plot_critical_difference

    with tempfile.TemporaryDirectory() as folder:
        figure, _ = plot_critical_difference(means.to_numpy(), list(means))
        figure.savefig(f"{folder}/cd.png")
        create_multi_comparison_matrix(means).savefig(f"{folder}/mcm.png")


if __name__ == "__main__":
    matplotlib.use("Agg")
    warnings.simplefilter("ignore")
    table = pd.read_csv(sys.argv[2])
    {"autorank": autorank, "aeon": aeon}[sys.argv[1]](table.pivot_table("value", "dataset", "variant"))
