#!/usr/bin/env python3
"""Draws the ratios of a bench's JSON as an SVG: plot.py RESULTS.json OUT.svg

One bar for each work that has a bar to reach, as many times better than the best Dovecot as
Restante was; a mark where the bar is."""

import json
import sys


def draw(summary, path):
    # Debian's package is needed for plots only.
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot, ticker

    rows = [row for row in summary["rows"] if row["bar"] is not None]
    if not rows:
        raise ValueError("nothing to draw: no work with a bar was measured")
    rows.reverse()
    matplotlib.rcParams["svg.hashsalt"] = "restante"  # the same figures, the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.38 * len(rows)))
    places = range(len(rows))
    axes.barh(places, [row["ratio"] for row in rows],
              color=["#3b7dd8" if row["met"] else "#d8763b" for row in rows], height=0.62)
    for place, row in zip(places, rows):
        axes.plot([row["bar"]] * 2, [place - 0.4, place + 0.4], color="black", linewidth=2)
        axes.text(row["ratio"] * 1.04, place, "%.1f" % row["ratio"], va="center", fontsize=9)
    axes.set_yticks(places, ["%s (%d)" % (row["title"], row["connections"]) for row in rows],
                    fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlim(left=0.5, right=max(max(row["ratio"] for row in rows), 10) * 2)
    axes.set_xlabel("times better than the best Dovecot; black: the bar")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py RESULTS.json OUT.svg")
    with open(sys.argv[1]) as file:
        draw(json.load(file), sys.argv[2])


if __name__ == "__main__":
    main()
