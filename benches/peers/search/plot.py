"""The picture of a set: queries a second over recall, one curve an engine."""

import statistics
from pathlib import Path
from typing import Any

from curves import frontier
from lineup import REFERENCE
from sets import TITLES

TICKS = (0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.998)


def draw(results: dict[str, Any], file: Path) -> None:
    """Recall is drawn by the logarithm of what is missed, so that 0.9 is as far from 0.99 as that from 0.999."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = results["kinds"]
    colours = plt.get_cmap("tab20").colors
    picture, panels = plt.subplots(1, len(kinds), figsize=(6.5 * len(kinds), 5.2), sharey=True, squeeze=False)
    for panel, kind in zip(panels[0], kinds, strict=True):
        walks = [engine for engine in results["engines"] if not engine["scans"]]
        for engine, colour in zip(walks, colours, strict=False):
            ours = engine["engine"] == REFERENCE
            curve = frontier([(spot["recall"], statistics.median(spot["speeds"])) for spot in engine["curves"][kind]])
            missed = [max(1 - recall, 1e-3) for recall, _ in curve]
            panel.plot(
                missed,
                [speed for _, speed in curve],
                marker="o",
                markersize=4 if ours else 3,
                linewidth=2.6 if ours else 1.2,
                color="black" if ours else colour,
                label=engine["engine"],
            )
        panel.set(xscale="log", yscale="log", title=TITLES[kind], xlabel="recall@10", xlim=(0.3, 0.002))
        panel.set_xticks([1 - tick for tick in TICKS], [f"{tick:g}" for tick in TICKS])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("queries a second, one core")
    handles, names = panels[0][0].get_legend_handles_labels()
    picture.legend(handles, names, fontsize=8, loc="lower center", ncols=4 * len(kinds))
    picture.suptitle(results["set"])
    picture.tight_layout(rect=(0, 0.1, 1, 1))
    picture.savefig(file, dpi=110)
    plt.close(picture)
