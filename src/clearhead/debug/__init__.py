"""F3: what a head does: where it errs and why, what it leans on, and the proof that a repair holds."""

from clearhead.debug.ablation import ablation
from clearhead.debug.compare import compare
from clearhead.debug.confusion import confusion, shared_features
from clearhead.debug.cue import Cue, cue_from_errors, cue_from_groups, cue_from_surroundings
from clearhead.debug.evidence import Evidence, gather_evidence
from clearhead.debug.fidelity import fidelity
from clearhead.debug.inputs import Part, label_head
from clearhead.debug.misclassified import MisclassifiedOptions, misclassified
from clearhead.debug.refit import Material, refit_without, removed_features
from clearhead.debug.repair import edited, repair
from clearhead.debug.sparsity import features_per_class
from clearhead.debug.suggest import RepairPlan, SuggestOptions, suggest_removals
from clearhead.debug.surroundings import Swap, Swapped, swap_surroundings
from clearhead.debug.suspects import rank_suspects, suspects
from clearhead.debug.tradeoff import tradeoff

__all__ = [
    "Cue",
    "Evidence",
    "Material",
    "MisclassifiedOptions",
    "Part",
    "RepairPlan",
    "SuggestOptions",
    "Swap",
    "Swapped",
    "ablation",
    "compare",
    "confusion",
    "cue_from_errors",
    "cue_from_groups",
    "cue_from_surroundings",
    "edited",
    "features_per_class",
    "fidelity",
    "gather_evidence",
    "label_head",
    "misclassified",
    "rank_suspects",
    "refit_without",
    "removed_features",
    "repair",
    "shared_features",
    "suggest_removals",
    "suspects",
    "swap_surroundings",
    "tradeoff",
]
