"""F3: what a head does: where it errs and why, what it leans on, and the proof that a repair holds."""

from clearhead.debug.fidelity import fidelity
from clearhead.debug.sparsity import features_per_class
from clearhead.debug.tradeoff import tradeoff

__all__ = ["features_per_class", "fidelity", "tradeoff"]
