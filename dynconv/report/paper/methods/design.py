"""What was run: variants, datasets, seeds, and how much of it ended well."""

from collections.abc import Iterator

from dynconv.data import spec
from dynconv.errors import DynconvError
from dynconv.report import numbers
from dynconv.report.coverage import coverage
from dynconv.report.paper.prose import Cite, Paragraph, cite
from dynconv.report.paper.words import count
from dynconv.report.results import Results
from dynconv.study import Variant

NAMED = 6  # datasets of a family that are told by name

# What the files of `dynconv/models/variants/` build, and whose method it is.
VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vanilla": ("the network as it is", ()),
    "hard_attention": (
        "a binary mask for each residual block that says where its branch is computed",
        ("verelst2020",),
    ),
    "soft_local": ("pixel-wise soft attention on every residual branch, the spatial half of CBAM", ("woo2018",)),
    "soft_global": ("image-wise soft attention on every residual branch, squeeze-and-excitation", ("hu2018",)),
    "odconv": ("omni-dimensional dynamic convolution for every convolution of the residual branches", ("li2022",)),
    "odconv_static": ("ODConv\u2019s parameters without its dynamics, the attention replaced by its mean", ("li2022",)),
    "condconv": ("conditionally parameterised convolution for those of the residual branches", ("yang2019",)),
    "dyconv": ("dynamic convolution, an attention over kernels, for those of the residual branches", ("chen2020",)),
    "kernel_warehouse": ("KernelWarehouse for the convolutions of the residual branches", ("li2024",)),
    "deformable": ("deformable convolution in the last stages", ("dai2017", "zhu2019")),
    "se_cbam": ("channel and spatial attention on every residual branch, both halves of CBAM", ("woo2018",)),
}
FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "ucr": ("the UCR archive", ("dau2019",)),
    "uea": ("the UEA archive", ("bagnall2018",)),
    "tiny_imagenet": ("Tiny ImageNet", ("le2015", "deng2009")),
    "voc2012": ("Pascal VOC 2012", ("everingham2015", "hariharan2011")),
    "digits": ("the digits of the UCI repository", ("alpaydin1998",)),
    "cifar10": ("CIFAR-10", ("krizhevsky2009",)),
    "cifar100": ("CIFAR-100", ("krizhevsky2009",)),
    "cityscapes": ("Cityscapes", ("cordts2016",)),
    "speech_commands": ("Speech Commands", ("warden2018",)),
    "shapes_voc": ("shapes_voc, generated shapes in the format of Pascal VOC", ()),
}
_FAILED = {
    "omit": "A failed run has no value: the mean of its cell is over the other seeds.",
    "worst": "A failed run counts as the worst run that any variant has on its dataset.",
    "drop_dataset": "On a dataset where any run failed no variant is compared.",
}


def paragraphs(results: Results) -> Iterator[Paragraph]:
    """Variants; datasets and seeds; coverage."""
    yield Paragraph("Variants", tuple(_variants(results)))
    yield Paragraph("Data", tuple(_data(results)))
    yield Paragraph("Completeness", tuple(_completeness(results)))


def _variants(results: Results) -> Iterator[str | Cite]:
    there = set(results.runs["variant"])
    trained = [v for v in results.variants if v in there]
    declared = {v.name: v for v in results.study.variants} if results.study else {}
    yield f"{count(len(trained), 'variant')} of one residual network".capitalize()
    yield cite("he2016")
    yield f" {'was' if len(trained) == 1 else 'were'} trained: "
    for place, name in enumerate(trained):
        yield "; " * (place > 0) + name
        if name == results.control:
            yield ", the control"
        yield from _method(_variant(name, declared))
    yield "."
    if never := [name for name in declared if name not in trained]:
        yield f" No run of {numbers.listing(never)} is there."


def _variant(name: str, declared: dict[str, Variant]) -> Variant | None:
    """The variant as the study has it; without a study, the file of its name."""
    return declared.get(name) or (Variant(name=name) if name in VARIANTS else None)


def _method(variant: Variant | None) -> Iterator[str | Cite]:
    if variant is None or variant.base not in VARIANTS:
        yield ", trained by a workflow rule of its own" if variant is not None and variant.rule else ""
        return
    words, keys = VARIANTS[variant.base]
    yield f", {words}"
    if keys:
        yield Cite(keys)
    if variant.options:
        yield f" (with {numbers.listing([f'{key} = {value}' for key, value in variant.options.items()])})"
    if variant.rule:
        yield ", trained by a workflow rule of its own"


def _data(results: Results) -> Iterator[str | Cite]:
    runs = results.runs
    there = set(runs["dataset"])
    for task in results.tasks:
        names = [d for d in results.datasets(task) if d in there]
        if not names:
            continue
        families: dict[str, list[str]] = {}
        for name in names:
            families.setdefault(name.partition("/")[0], []).append(name)
        yield f"{numbers.task_title(task)}: {count(len(names), 'dataset')}, "
        for place, (family, members) in enumerate(families.items()):
            yield " and " * (place > 0)
            yield from _family(family, members)
        yield ". "
    seeds = sorted(set(runs["seed"]))
    listed = ", ".join(map(str, seeds)) if len(seeds) <= NAMED else f"{seeds[0]} to {seeds[-1]}"
    whole = coverage(results).missing == 0 and set(results.study.seeds if results.study else ()) == set(seeds)
    yield "Each variant was trained on each dataset from " if whole else "Runs have "
    yield f"{count(len(seeds), 'seed')} ({listed}), which fix initialisation, order and augmentation. "
    yield "Each dataset has its own test split, which dynconv\u2019s training uses once a run, after the last epoch."


def _family(family: str, members: list[str]) -> Iterator[str | Cite]:
    member = members[0].partition("/")[2]
    if family in FAMILIES:
        words, keys = FAMILIES[family]
        if member and len(members) <= NAMED:
            yield f"{numbers.listing([name.partition('/')[2] for name in members])} of {words}"
        else:
            yield f"{len(members)} of {words}" if member else words
        if keys:
            yield Cite(keys)
        return
    yield numbers.listing(members) if len(members) <= NAMED else f"{len(members)} of {family}"
    if source := _source(members[0]):
        yield f" (source: {source})"


def _source(dataset: str) -> str:
    """What the dataset's own file says is to be cited; nothing where it has none."""
    try:
        return spec(dataset).citation
    except DynconvError:
        return ""


def _completeness(results: Results) -> Iterator[str]:
    runs = coverage(results)
    if runs.expected is None:
        yield f"{count(runs.ok, 'run')} ended well and {runs.failed} failed; how many were planned is not recorded. "
    else:
        yield (
            f"Of {count(runs.expected, 'planned run')} {runs.ok} ended well, {runs.failed} failed and {runs.missing}"
            f" {'is' if runs.missing == 1 else 'are'} missing. "
        )
    rule = results.plan.get("analysis", {}).get("failed_runs")
    if runs.failed and rule in _FAILED:
        yield _FAILED[rule]
