"""F3: what a head does: where it errs and why, what it leans on, and the proof that a repair holds."""

from clearhead.debug.ablation import ablation
from clearhead.debug.bias import IDENTITY_WORDS, bias_errors, bias_words
from clearhead.debug.compare import compare
from clearhead.debug.confusion import confusion, shared_features
from clearhead.debug.counterfactual_image import PasteOptions, box_mask, counterfactual_image, surround_mask
from clearhead.debug.counterfactual_text import counterfactual_text
from clearhead.debug.cue import Cue, cue_from_errors, cue_from_groups, cue_from_surroundings
from clearhead.debug.evidence import Evidence, gather_evidence
from clearhead.debug.fidelity import fidelity
from clearhead.debug.inputs import Part, label_head
from clearhead.debug.misclassified import MisclassifiedOptions, misclassified
from clearhead.debug.objects import Objects
from clearhead.debug.refit import Material, refit_without, removed_features
from clearhead.debug.removals import removals
from clearhead.debug.repair import edited, repair
from clearhead.debug.sparsity import features_per_class
from clearhead.debug.spurious import PairOptions, spurious
from clearhead.debug.substitution import TextOptions
from clearhead.debug.suggest import RepairPlan, SuggestOptions, suggest_removals
from clearhead.debug.surroundings import Swap, Swapped, swap_surroundings
from clearhead.debug.suspects import rank_suspects, suspects, suspicion, suspicion_from_errors
from clearhead.debug.tradeoff import tradeoff

__all__ = [
    "IDENTITY_WORDS",
    "Cue",
    "Evidence",
    "Material",
    "MisclassifiedOptions",
    "Objects",
    "PairOptions",
    "Part",
    "PasteOptions",
    "RepairPlan",
    "SuggestOptions",
    "Swap",
    "Swapped",
    "TextOptions",
    "ablation",
    "bias_errors",
    "bias_words",
    "box_mask",
    "compare",
    "confusion",
    "counterfactual_image",
    "counterfactual_text",
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
    "removals",
    "removed_features",
    "repair",
    "shared_features",
    "spurious",
    "suggest_removals",
    "surround_mask",
    "suspects",
    "suspicion",
    "suspicion_from_errors",
    "swap_surroundings",
    "tradeoff",
]
