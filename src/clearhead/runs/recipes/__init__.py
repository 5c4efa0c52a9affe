"""The paper's experiments as data: a world (data and network), what is made of it, and the files that come out.

`catalogue.EXPERIMENTS` lists them, `perform.perform` runs one. An experiment of a world shares that world's run folder,
so features are extracted and the path is fitted once for all of its tables and figures.
"""

from clearhead.runs.recipes.catalogue import EXPERIMENTS, find
from clearhead.runs.recipes.experiment import Experiment, Options, World
from clearhead.runs.recipes.perform import Outcome, perform
from clearhead.runs.recipes.worlds import WORLDS

__all__ = ["EXPERIMENTS", "WORLDS", "Experiment", "Options", "Outcome", "World", "find", "perform"]
