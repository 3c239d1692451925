"""From what was measured to what is shown: medians, ratios against the best Dovecot, which
bars are met; as JSON, and as tables in Markdown."""

import os
import platform
import statistics
import subprocess

from works import BAR_CONNECTIONS, OWN_WORKS, WORKS

DOVECOTS = ("dovecot-maildir", "dovecot-sdbox")


def summarise(results, own, syncs, bench, absent, options):
    """All that there is to say, as JSON takes it."""
    rows = [row(work, connections, results[work.key, connections], options)
            for work in WORKS for key, connections in results if key == work.key]
    notes = bench.notes + [note for one in rows for note in resumption(one, bench)]
    limits = []
    for key, result in own.items():
        title, bar = OWN_WORKS[key]
        met = result["ratio"] <= bar if key == "stat" else result["ratio"] >= bar
        limits.append(dict(result, work=key, title=title, bar=bar, met=met))
    return {
        "machine": describe_machine(options),
        "versions": {server.title: server.version() for server in bench.servers},
        "absent": absent,
        "notes": notes,
        "options": {name: value for name, value in vars(options).items() if name != "selected"},
        "titles": {server.key: server.title for server in bench.servers},
        "rows": rows,
        "limits": limits,
        "syncs": syncs,
    }


def resumption(one, bench):
    """Servers that don't take up all TLS sessions, such as those whose processes have
    tickets of their own."""
    for server in bench.servers:
        rounds = one["servers"].get(server.key, {}).get("rounds", ())
        shares = [figures["resumed_share"] for figures in rounds if "resumed_share" in figures]
        if one["work"] == "tls-resumed" and shares and min(shares) < 0.99:
            yield "%s took up %.0f %% of the TLS sessions that were to be resumed." % (
                server.title, 100 * statistics.median(shares))


def row(work, connections, of_row, options):
    servers = {}
    for key, rounds in of_row.items():
        servers[key] = {
            "median": statistics.median(one["value"] for one in rounds),
            "cpu_us": statistics.median(one["cpu_us"] for one in rounds),
            "generator_share": max(one["load_cpu_share"] for one in rounds),
            "rounds": rounds,
        }
    better = min if work.less_is_better else max
    rivals = {key: servers[key]["median"] for key in DOVECOTS if key in servers}
    result = {"work": work.key, "title": work.title.format(large=options.large),
              "connections": connections, "unit": work.unit, "servers": servers,
              "less_is_better": work.less_is_better, "ratio": None, "bar": None, "met": None}
    if rivals and "restante" in servers:
        best = better(rivals, key=rivals.get)
        ours, theirs = servers["restante"]["median"], rivals[best]
        result["best_dovecot"] = best
        # Memory may be below what can be told from nothing.
        result["ratio"] = (theirs / max(ours, 1e-3) if work.less_is_better
                           else ours / max(theirs, 1e-3))
        holds = work.kind != "rate" or connections == min(BAR_CONNECTIONS,
                                                          work.most_connections)
        if work.bar and holds:
            result["bar"] = work.bar.at_least
            result["aim"] = work.bar.aim
            result["met"] = result["ratio"] >= work.bar.at_least
    return result


def missed(summary):
    return ([one["title"] for one in summary["rows"] if one["met"] is False] +
            [one["title"] for one in summary["limits"] if not one["met"]])


def markdown(summary):
    text = ["%s: %s  " % item for item in summary["machine"].items()]
    options = summary["options"]
    text += ["%d rounds of %g s; medians. %s" % (
        options["rounds"], options["seconds"],
        "; ".join("%s: %s" % item for item in summary["versions"].items())), ""]
    text += ["%s isn't in it: %s" % item for item in summary["absent"].items()]
    text += summary["notes"]
    if text[-1]:
        text.append("")
    if summary["rows"]:
        text += rates(summary) + [""] + cpu(summary) + [""]
    if summary["limits"]:
        text += limits(summary) + [""]
    if summary["syncs"]:
        text += ["| syncs for a message | " + " | ".join(
            summary["titles"][key] for key in summary["syncs"]) + " |",
            "|---|" + "---:|" * len(summary["syncs"]),
            "| deliver 4 KB, 32 connections | " + " | ".join(
                "%.2f" % count for count in summary["syncs"].values()) + " |", ""]
    return "\n".join(text)


def rates(summary):
    keys = list(summary["titles"])
    text = ["| work | at once | unit | " + " | ".join(summary["titles"][key] for key in keys) +
            " | ratio | bar | met |",
            "|---|---:|---|" + "---:|" * (len(keys) + 1) + "---:|---|"]
    for one in summary["rows"]:
        figures = [number(one["servers"][key]["median"]) if key in one["servers"] else "—"
                   for key in keys]
        text.append("| %s | %d | %s | %s | %s | %s | %s |" % (
            one["title"], one["connections"], one["unit"], " | ".join(figures),
            "%.1f" % one["ratio"] if one["ratio"] is not None else "—",
            "%g" % one["bar"] if one["bar"] else "",
            {None: "", True: "yes", False: "**no**"}[one["met"]]))
    return text


def cpu(summary):
    keys = list(summary["titles"])
    text = ["| CPU time, µs each | at once | " +
            " | ".join(summary["titles"][key] for key in keys) + " | generator |",
            "|---|---:|" + "---:|" * (len(keys) + 1)]
    for one in summary["rows"]:
        figures = ["%.0f" % one["servers"][key]["cpu_us"] if key in one["servers"] else "—"
                   for key in keys]
        share = max(server["generator_share"] for server in one["servers"].values())
        text.append("| %s | %d | %s | %.0f %% |" % (
            one["title"], one["connections"], " | ".join(figures), share * 100))
    return text


def limits(summary):
    text = ["| Restante alone | unit | measured | against | ratio | bar | met |",
            "|---|---|---:|---:|---:|---:|---|"]
    for one in summary["limits"]:
        text.append("| %s | %s | %s | %s | %.2f | %s %g | %s |" % (
            one["title"], one["unit"], number(one["value"]), number(one["limit"]),
            one["ratio"], "≤" if one["work"] == "stat" else "≥", one["bar"],
            "yes" if one["met"] else "**no**"))
    return text


def number(value):
    return "%.0f" % value if abs(value) >= 100 else "%.3g" % value


def file_system(directory):
    return subprocess.check_output(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", directory],
        text=True).strip()


def describe_machine(options):
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return {
        "processor": "%d x %s" % (os.cpu_count(), models[0] if models else platform.machine()),
        "memory": "%.1f GiB" % memory,
        "kernel": platform.release(),
        "file system": file_system(options.dir),
    }
