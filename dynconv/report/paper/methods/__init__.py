"""The methods text: what was run, how it was trained, how it was analysed, with what software.

Everything in it is conditional on the tables, the study and the plan of the folder; what they do not say, it does not
claim.
"""

from dynconv.report.paper.methods import analysis, design, software, training
from dynconv.report.paper.prose import Paragraph
from dynconv.report.results import Results


def paragraphs(results: Results) -> list[Paragraph]:
    """The paragraphs of the methods text, from which `prose` makes LaTeX, HTML and plain text."""
    return [
        *design.paragraphs(results),
        *training.paragraphs(results),
        *analysis.paragraphs(results),
        *software.paragraphs(results),
    ]
