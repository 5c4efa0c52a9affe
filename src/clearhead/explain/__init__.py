"""F3: what a deep feature means: exemplars, visualisations, superpixels, words, the order of the path.

Every function takes a `Subject`, feature numbers, the run's folder, an options dataclass and progress, and returns a
`core.finding.Finding` whose pictures lie under ``findings/media/`` of the run::

    subject = Subject(table, head, dense=dense, backbone=backbone, examples=examples, path=path, shown=split.test)
    finding = superpixels(subject, subject.leading(5), "runs/birds", SuperpixelsOptions(), progress)

`estimate` says beforehand what it will cost.
"""

from clearhead.explain.ascent import AscentOptions
from clearhead.explain.budget import Cost, estimate
from clearhead.explain.exemplars import ExemplarsOptions, exemplars
from clearhead.explain.image_explainer import SuperpixelsOptions
from clearhead.explain.lime import LimeOptions
from clearhead.explain.names import Evidence, names
from clearhead.explain.ordering import OrderingOptions, ordering
from clearhead.explain.panels import PanelsOptions, panel_choice, panels
from clearhead.explain.profile import ProfileOptions, profile
from clearhead.explain.segments import SegmentOptions
from clearhead.explain.subject import Subject
from clearhead.explain.superpixels import superpixels
from clearhead.explain.transforms import AugmentOptions
from clearhead.explain.visualize import VisualizeOptions, visualize
from clearhead.explain.wordcloud import CloudOptions
from clearhead.explain.words import WordsOptions, words

__all__ = [
    "AscentOptions",
    "AugmentOptions",
    "CloudOptions",
    "Cost",
    "Evidence",
    "ExemplarsOptions",
    "LimeOptions",
    "OrderingOptions",
    "PanelsOptions",
    "ProfileOptions",
    "SegmentOptions",
    "Subject",
    "SuperpixelsOptions",
    "VisualizeOptions",
    "WordsOptions",
    "estimate",
    "exemplars",
    "names",
    "ordering",
    "panel_choice",
    "panels",
    "profile",
    "superpixels",
    "visualize",
    "words",
]
