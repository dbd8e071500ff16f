# prepare -> (tune -> choose ->) train -> collect -> compare -> report.  One rule an arrow, one `dynconv` command a rule.
#
#   snakemake --profile cluster_profiles/local --configfile config/demo.yaml
#
# The study is the file given with --configfile; without one it is config/config.yaml, the paper's.  (The `configfile:`
# directive is not used: Snakemake would merge the paper's study into every other.)
from snakemake.utils import min_version

min_version("9.14")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/profile.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/report.smk"


# A variant that no `dynconv train` can make is a rule of its own, in a file of its own.
for extra in sorted(Path(workflow.basedir, "workflow/rules/variants").glob("*.smk")):

    include: extra


rule all:
    default_target: True
    input:
        rules.report.output,
        # Named here so that a deleted file is made again: Snakemake does not miss what only finished steps have read.
        RUN_FILES,
        SEARCH_FILES,
