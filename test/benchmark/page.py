"""Rows and bars → a table of text, and one HTML page that needs no other file.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import math
from html import escape

COLOURS = {
    "trine": "#c0392b",
    "llama_cpp": "#2980b9",
    "openvino": "#8e44ad",
    "openvino_no_amx": "#c39bd3",
    "onnxruntime": "#16a085",
    "jax": "#d68910",
    "iree": "#7f8c8d",
    "torch": "#d35400",
}
PEAKS = ("f32_gflops", "bf16_gflops", "bf16_tile_gflops")
STYLE = """
body { font: 14px/1.5 sans-serif; max-width: 70em; margin: 2em auto; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .15em .7em; border-bottom: 1px solid #ddd; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.miss { color: #c0392b; } .pass { color: #1e8449; } caption { text-align: left; }
"""


def spoken(seconds):
    """A time with a unit."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def missed(bar):
    """By how much, in percent of the bar; 0 when it is met."""
    if bar["pass"] or not bar["bar"]:
        return 0.0
    return 100 * abs(bar["value"] / bar["bar"] - 1)


def text(result):
    """The table for a terminal."""
    lines = [f"{result['machine'].get('class', 'unknown class')}"]
    for row in result["rows"]:
        done = row.get("refused") or (
            f"{spoken(row['best_seconds'])} best, "
            f"{spoken(row['median_seconds'])} median"
        )
        name = f"{row['system']} {row['compute']} {row['threads']}t"
        lines.append(f"     {row['work']:44} {name:24} {done}")
    for bar in result["bars"]:
        verdict = "ok  " if bar["pass"] else "MISS"
        by = f", missed by {missed(bar):.0f} %" if not bar["pass"] else ""
        lines.append(
            f"{verdict} {bar['name']}: {bar['value']:.3g} (bar {bar['bar']}{by})"
        )
    return "\n".join(lines)


def _table(caption, head, rows):
    """`rows` of cells; numbers are text already, marked by a leading tab."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = [f"<table><caption>{escape(caption)}</caption><tr>{cells}</tr>"]
    for row in rows:
        line = ""
        for cell in row:
            kind = ' class="n"' if cell.startswith("\t") else ""
            if cell in ("miss", "pass"):
                kind = f' class="{cell}"'
            line += f"<td{kind}>{escape(cell.strip())}</td>"
        lines.append(f"<tr>{line}</tr>")
    return "\n".join(lines) + "</table>"


def ratios(rows):
    """SVG: for each work and thread count, the best rival's time over Trine's."""
    works = {}
    for row in rows:
        if "refused" not in row and "group" in row:
            works.setdefault((row["work"], row["threads"]), []).append(row)
    bars = []
    for (work, threads), group in works.items():
        best = {}
        for row in group:
            system = row["system"]
            best[system] = min(best.get(system, math.inf), row["best_seconds"])
        if "trine" in best and len(best) > 1:
            own = best.pop("trine")
            rival = min(best, key=best.get)
            bars.append((f"{work}, {threads}t", best[rival] / own, rival))
    if not bars:
        return ""
    width, unit, left = 900, 150, 330
    out = [f'<svg width="{width}" height="{len(bars) * 20 + 30}">']
    for index, (name, ratio, rival) in enumerate(bars):
        y, length = index * 20 + 4, min(ratio * unit, width - left - 140)
        out.append(
            f'<text x="{left - 8}" y="{y + 12}" text-anchor="end" '
            f'font-size="12">{escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.0f}" height="15" '
            f'fill="{COLOURS.get(rival, "#555")}"/>'
            f'<text x="{left + length + 5:.0f}" y="{y + 12}" font-size="12">'
            f"{ratio:.2f} × {escape(rival)}</text>"
        )
    x, bottom = left + unit, len(bars) * 20 + 8
    out.append(f'<line x1="{x}" x2="{x}" y1="0" y2="{bottom}" stroke="#000"/>')
    out.append(f'<text x="{x}" y="{bottom + 14}" font-size="12">equal</text></svg>')
    return "".join(out)


def roofline(rows, limits, threads):
    """SVG, both axes logarithmic: FLOP per byte of weights → GFLOP/s."""
    points = [
        (row["flops"] / row["bytes"], row["flops"] / row["best_seconds"] / 1e9, row)
        for row in rows
        if "refused" not in row and "flops" in row and row["threads"] == threads
    ]
    if not points or not limits.get("f32_gflops"):
        return ""
    stream = limits["stream_gbs"]
    tops = {n: limits[n] for n in PEAKS if limits.get(n)}
    low = min([p[0] for p in points] + [0.3]) / 1.5
    high = max([p[0] for p in points] + [300]) * 1.5
    floor = min([p[1] for p in points] + [low * stream]) / 1.5
    ceiling = max([p[1] for p in points] + list(tops.values())) * 2

    def x(value):
        return 60 + 780 * math.log(value / low) / math.log(high / low)

    def y(value):
        return 390 - 370 * math.log(value / floor) / math.log(ceiling / floor)

    out = ['<svg width="860" height="430">']
    for name, top in tops.items():
        knee = max(top / stream, low)
        line = f"{x(low):.0f},{y(low * stream):.0f} {x(knee):.0f},{y(top):.0f}"
        line += f" {x(high):.0f},{y(top):.0f}"
        out.append(f'<polyline points="{line}" fill="none" stroke="#555"/>')
        out.append(
            f'<text x="{x(high) - 4:.0f}" y="{y(top) - 4:.0f}" font-size="12" '
            f'text-anchor="end">{name.split("_")[0]} {top:.0f} GFLOP/s</text>'
        )
    for intensity, rate, row in points:
        colour = COLOURS.get(row["system"], "#555")
        title = escape(f"{row['system']} {row['compute']} {row['work']}: {rate:.1f}")
        out.append(
            f'<circle cx="{x(intensity):.1f}" cy="{y(rate):.1f}" r="4" '
            f'fill="{colour}" fill-opacity=".7"><title>{title}</title></circle>'
        )
    for index, system in enumerate(sorted({p[2]["system"] for p in points})):
        colour = COLOURS.get(system, "#555")
        top = 300 + index * 16
        out.append(f'<circle cx="700" cy="{top}" r="5" fill="{colour}"/>')
        out.append(f'<text x="710" y="{top + 4}" font-size="12">{system}</text>')
    out.append(
        f'<text x="60" y="420" font-size="12">FLOP per byte of weights, '
        f"{low:.2g} … {high:.3g}; stream {stream:.1f} GB/s</text></svg>"
    )
    return "".join(out)


def _profile(kernels):
    lines = []
    for kernel in kernels[:6]:
        share = kernel.get("roofline_share")
        lines.append(
            (
                kernel.get("name") or kernel.get("kernel", ""),
                kernel.get("family", ""),
                "\t" + spoken(kernel.get("seconds", 0.0)),
                "\t" + ("" if share is None else f"{100 * share:.0f} %"),
            )
        )
    return _table("its kernels", ("kernel", "family", "time", "of roofline"), lines)


def _bars(bars, label):
    lines = []
    for bar in bars:
        facts = [f"missed by {missed(bar):.0f} %"] if not bar["pass"] else []
        facts += [f"{k} {bar[k]}" for k in ("rival", "compute", "why") if bar.get(k)]
        verdict = "pass" if bar["pass"] else "miss"
        value, least = f"\t{bar['value']:.3g}", f"\t{bar['bar']}"
        lines.append((verdict, bar["name"], value, least, ", ".join(facts)))
    head = ("", "bar", "value", "least or most", "")
    out = [_table(f"bars, {label}", head, lines)]
    for bar in bars:
        if bar.get("profile"):
            out.append(f"<p class=miss>{escape(bar['name'])}</p>")
            out.append(_profile(bar["profile"]))
    return "\n".join(out)


def _rows(rows, label):
    lines = []
    for row in rows:
        start = row["work"], row["system"], row.get("version") or ""
        cells = (*start, f"\t{row['threads']}", row["compute"])
        if "refused" in row:
            lines.append((*cells, "refused", row["refused"]))
            continue
        rate = row.get("tokens_per_second")
        alike = row.get("cosine")
        lines.append(
            (
                *cells,
                "\t" + spoken(row["best_seconds"]),
                "\t" + spoken(row["median_seconds"]),
                f"\t{rate:.4g}" if rate else "",
                f"\t{alike:.6f}" if alike is not None else "",
                *(
                    f"\t{row[size] / 1e6:.0f}" if size in row else ""
                    for size in ("peak_bytes", "package_bytes")
                ),
            )
        )
    head = ("work", "system", "version", "threads", "compute", "best", "median")
    sizes = "peak MB", "package MB"
    return _table(f"times, {label}", (*head, "tokens/s", "cosine", *sizes), lines)


def html(result):
    """The page."""
    machine, rows = result["machine"], result["rows"]
    label = f"{machine.get('model', 'unknown CPU')}, {machine.get('class', '?')}"
    calibration = machine.get("calibration", {})
    names = list(next(iter(calibration.values()), {}))
    limits = [
        (f"\t{threads}", *(f"\t{one[n]:.4g}" if one[n] else "–" for n in names))
        for threads, one in calibration.items()
    ]
    parts = [
        "<!DOCTYPE html><meta charset=utf-8><title>Trine benchmark</title>",
        f"<style>{STYLE}</style><h1>Trine beside its rivals</h1>",
        _table(f"calibration, {label}", ("threads", *names), limits),
        "<h2>Bars</h2>",
        _bars(result["bars"], label),
        "<h2>The best rival's time over Trine's</h2>",
        ratios(rows),
        "<h2>Roofline</h2>",
    ]
    for threads, one in calibration.items():
        drawn = roofline(rows, one, int(threads))
        parts += [f"<h3>{threads} threads</h3>", drawn] if drawn else []
    parts += ["<h2>Times</h2>", _rows(rows, label)]
    return "\n".join(parts)
