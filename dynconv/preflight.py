"""What a study's schema alone cannot know, checked before anything runs: datasets, steps, options.  Without torch."""

from dynconv import data, plugins, trials
from dynconv.data.steps import check as check_steps
from dynconv.errors import DynconvError, valid
from dynconv.study import VARIANTS, Study


def preflight(study: Study) -> None:
    """Check every dataset's name and recipes, those of a search among them, and the names of every variant's options.

    Raises:
        DynconvError: names the dataset or variant, the key and what would be valid.
    """
    for dataset in study.datasets:
        task = data.spec(dataset.name).task
        recipes = [study.recipe(dataset.name, task), *trials.recipes(study, dataset.name, task)]
        try:
            for recipe in recipes:
                check_steps(recipe.augment, task)
        except DynconvError as error:
            raise DynconvError(f"dataset {dataset.name}: recipe: {error}") from None
    for variant in study.variants:
        if variant.rule:
            continue
        known = plugins.keywords(VARIANTS, variant.base, "build")
        for option in variant.options:
            if option not in known:
                raise DynconvError(f"variant {variant.name}: {variant.base} has no option {option!r}; {valid(known)}")
