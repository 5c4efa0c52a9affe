"""All experiments of the paper: every row of its tables, every figure, every algorithm."""

from __future__ import annotations

from collections.abc import Iterator

from clearhead.core.errors import SettingError
from clearhead.runs.recipes.experiment import Experiment
from clearhead.runs.recipes.worlds import WORLDS

__all__ = ["EXPERIMENTS", "find"]

COLUMNS = ("dense_all", "dense_top_k", "dense_rest", "sparse_all", "sparse_top_k", "sparse_rest")
# Table 37 as published: accuracy in percent.
PUBLISHED = {
    "imagenet-standard": (74.03, 58.46, 55.22, 72.24, 69.78, 10.84),
    "imagenet-wide": (77.07, 72.42, 48.75, 73.48, 73.45, 0.91),
    "imagenet-robust": (61.23, 28.99, 34.65, 59.99, 45.82, 19.83),
    "places10-standard": (83.30, 83.60, 81.20, 77.40, 77.40, 10.00),
    "places10-robust": (80.20, 76.10, 76.40, 77.80, 76.60, 40.20),
    "sst": (91.51, 53.21, 91.17, 90.71, 90.48, 50.92),
    "toxic-bert": {
        "toxic": (83.33, 55.35, 57.87, 82.47, 82.33, 50.00),
        "severe_toxic": (71.53, 50.00, 50.14, 67.57, 50.00, 50.00),
        "obscene": (80.41, 50.03, 50.00, 77.32, 72.39, 50.00),
        "threat": (77.01, 50.00, 50.00, 76.30, 74.17, 50.00),
        "insult": (72.72, 50.00, 50.00, 77.14, 75.80, 50.00),
        "identity_hate": (79.85, 57.87, 50.00, 74.93, 71.49, 50.00),
    },
    "debiased-bert": {
        "toxic": (91.61, 50.00, 83.26, 87.59, 78.58, 50.00),
        "severe_toxic": (63.08, 50.00, 50.00, 55.86, 53.81, 50.00),
        "obscene": (85.36, 50.00, 58.36, 81.50, 81.17, 50.00),
        "threat": (77.49, 50.00, 50.00, 68.96, 50.00, 50.00),
        "insult": (85.63, 50.00, 59.95, 79.28, 71.48, 50.00),
        "identity_hate": (76.12, 50.00, 50.84, 71.98, 50.00, 50.00),
    },
}
VISION = ("imagenet-standard", "imagenet-robust", "places10-standard", "places10-robust")
SIZES = (1000, 2000, 3000, 4000, 5000, 50_000)


def _tables() -> Iterator[Experiment]:
    for name, published in PUBLISHED.items():
        world = WORLDS[name]
        rows = published.items() if isinstance(published, dict) else [(None, published)]
        for label, figures in rows:
            full = f"table37-{name}" + (f"-{label.replace('_', '-')}" if label else "")
            title = world.title + (f" ({label.replace('_', ' ')})" if label else "")
            yield Experiment(
                full,
                full,
                f"Dense and sparse head, all, top-{world.k} and remaining features: {title}",
                "D.2, Table 37",
                "ablation",
                (f"{full}.md", f"{full}.tex"),
                world,
                {"row": title, **({"label": label} if label else {})},
                dict(zip(COLUMNS, figures, strict=True)),
            )
    for name, title in (("table37", "Table 37: all rows that were run"), ("table4b", "Table 4b: all rows that were")):
        yield Experiment(name, name, title, "D.2, Table 37 and Table 4b", "collect", (f"{name}.md", f"{name}.tex"))
    yield Experiment(
        "table36",
        "table36",
        "Time of a path against the number of examples, features of a ResNet-50 on CIFAR-10",
        "A.1, Table 36",
        "runtime",
        ("table36.md", "table36.tex"),
        WORLDS["cifar10-standard"],
        {"sizes": SIZES, "lambda_min_ratio": 1e-4, "solvers": ("auto", "saga")},
        {"sizes": list(SIZES), "glmnet": [2, 7, 25, 39, 58, 776], "glm-saga": [9, 13, 17, 19, 22, 33]},
    )
    yield Experiment(
        "table25",
        "table25",
        "How well people simulate the network from the features of its dense and of its sparse head",
        "D.4, Table 25 and Fig. 24",
        "answers",
        ("table25.md", "table25.tex", *_drawn("figure24a", "figure24b", "figure24c")),
        WORLDS["imagenet-robust"],
        {"kind": "simulate", "table": "accuracy", "figure": "figure24"},
        {
            "dense": {"overall": 35.61, "from target class": 44.02, "from another class": 30.64},
            "sparse": {"overall": 63.02, "from target class": 72.22, "from another class": 57.33},
        },
    )


def _curves() -> Iterator[Experiment]:
    for number, name in zip((12, 13, 14, 15), VISION, strict=True):
        world, label = WORLDS[name], f"figure{number}"
        title = f"Regularisation paths and the order of features, two classes: {world.title}"
        outputs = (*_drawn(f"{label}-1", f"{label}-2"), f"{label}-entries.md")
        yield Experiment(label, label, title, f"A.3, Fig. {number}", "ordering", outputs, world, {"classes": 2})
    for name in (*VISION, "sst", "toxic-bert", "debiased-bert"):
        label = f"figure16-{name}"
        about = {"label": "toxic"} if "bert" in name else {}
        title = f"Accuracy against features per class: {WORLDS[name].title}"
        outputs = (*_drawn(label), f"{label}-path.md")
        yield Experiment(label, label, title, "D.1, Fig. 16", "tradeoff", outputs, WORLDS[name], about)
    for name in ("imagenet-standard", "imagenet-robust"):
        label = f"figure17-{name}"
        title = f"Number of features per class: {WORLDS[name].title}"
        yield Experiment(label, label, title, "D.1, Fig. 17", "distribution", _drawn(label), WORLDS[name])
        label = f"figure34-{name}"
        title = f"Shared features against confusion of class pairs: {WORLDS[name].title}"
        outputs = (*_drawn(label), f"{label}-pairs.md")
        yield Experiment(label, label, title, "G.3, Fig. 34", "confusion", outputs, WORLDS[name])


def _pictures() -> Iterator[Experiment]:
    sides = ("imagenet-standard", "imagenet-standard", "imagenet-robust", "imagenet-robust", *VISION[2:])
    for number, name in zip((17, 18, 19, 20, 21, 22), sides, strict=True):
        # The appendix has two figures 16 and two figures 17.
        label = f"figure{number}-panel" if number == 17 else f"figure{number}"
        about = {"nth": 1 if number in (18, 20) else 0}
        title = f"Features of the dense and of the sparse head for a random class: {WORLDS[name].title}"
        outputs = (*_drawn(label), f"{label}-panels.md")
        yield Experiment(label, label, title, f"D.3, Fig. {number}", "panel", outputs, WORLDS[name], about)
    for number, product, title, name, section in (
        (29, "pairs", "Class pairs that share a feature, with the images that activate it most", VISION[0], "E.2.2"),
        (33, "mistakes", "Misclassified images with the features for truth and prediction", VISION[1], "G.2"),
        (35, "confusing", "Features that two confused classes share", VISION[1], "G.3"),
    ):
        label = f"figure{number}"
        yield Experiment(label, label, title, f"{section}, Fig. {number}", product, _drawn(label), WORLDS[name])
    yield Experiment(
        "figure31",
        "figure31",
        "A pattern pasted around objects of other classes: how often the prediction becomes the blamed class",
        "F.2, Fig. 31",
        "paste",
        (*_drawn("figure31"), "figure31-rates.md"),
        WORLDS["imagenet-standard"],
        needs="--patterns FOLDER --target CLASS",
    )


def _people() -> Iterator[Experiment]:
    for number, kind, name, section in (
        (23, "simulate", "imagenet-robust", "D.4"),
        (28, "spurious", "imagenet-standard", "E.2.1"),
        (32, "misclassification", "imagenet-robust", "G.1"),
    ):
        label = f"figure{number}"
        title = f"The tasks of the study “{kind}”, as a page that opens from disk"
        outputs = (f"{label}/index.html", f"{label}-decisions.md")
        yield Experiment(
            label, label, title, f"{section}, Fig. {number}", "study", outputs, WORLDS[name], {"kind": kind}
        )
    yield Experiment(
        "figure30",
        "figure30",
        "Words that people use for the patterns of shared features",
        "E.2.2, Fig. 30",
        "descriptions",
        (*_drawn("figure30"), "figure30-descriptions.md"),
        WORLDS["imagenet-standard"],
        {"kind": "spurious"},
    )
    yield Experiment(
        "misclassification-study",
        "misclassification-study",
        "Which features people match with misclassified images",
        "G.1",
        "answers",
        ("misclassification-study.md", "misclassification-study.tex"),
        WORLDS["imagenet-robust"],
        {"kind": "misclassification", "table": "rates"},
    )


def _texts() -> Iterator[Experiment]:
    yield Experiment(
        "figure16-words",
        "figure16-words",
        "Word clouds of the top features of the sparse head, of the dense head, and of others",
        "D.3.1, Fig. 16",
        "words",
        (*_drawn("figure16-words"), "figure16-words-words.md"),
        WORLDS["sst"],
    )
    for number, name in ((26, "toxic-bert"), (27, "debiased-bert")):
        label = f"figure{number}"
        title = f"Word clouds of the top five features, and the words that name groups: {WORLDS[name].title}"
        outputs = (*_drawn(label), f"{label}-bias.md", f"{label}-words.md")
        about = {"label": "toxic", "bias": True}
        yield Experiment(label, label, title, f"E.1, Fig. {number}", "words", outputs, WORLDS[name], about)
    yield Experiment(
        "algorithm1",
        "algorithm1",
        "The mini-batch SAGA solver, each λ with its certificate",
        "A, Algorithm 1",
        "saga",
        ("algorithm1.md", "algorithm1.tex"),
        WORLDS["cifar10-standard"],
        {"size": 5000},
    )
    for number, product, title, table in (
        (2, "vocabulary", "LIME weights of words, averaged over a corpus", "words"),
        (3, "substitutions", "Sentences changed by a word that get another prediction", "examples"),
    ):
        label = f"algorithm{number}"
        section = f"{'B.2' if number == 2 else 'F.1'}, Algorithm {number}"
        yield Experiment(label, label, title, section, product, (f"{label}-{table}.md",), WORLDS["sst"])


def _drawn(*stems: str) -> tuple[str, ...]:
    return tuple(f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "pdf", "png"))


EXPERIMENTS = {
    experiment.name: experiment for family in (_tables, _curves, _pictures, _people, _texts) for experiment in family()
}


def find(name: str) -> Experiment:
    """The experiment of that name; `SettingError` naming near ones."""
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    import difflib

    near = difflib.get_close_matches(name, EXPERIMENTS, 5, 0.4)
    raise SettingError("no such experiment", got=name, expected=", ".join(near) or None, fix="clearhead paper list")
