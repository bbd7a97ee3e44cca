"""A quantization report as one HTML page that needs no other file.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

from collections import Counter
from html import escape
from typing import Any

STYLE = """
body { font: 14px/1.5 sans-serif; max-width: 75em; margin: 2em auto; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .15em .7em; border-bottom: 1px solid #ddd; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { background: #fafafa; margin: .5em 0; } text { font: 11px sans-serif; }
"""
SERIES = (
    ("output_sqnr_db", "output", "#c0392b"),
    ("activation_sqnr_db", "input", "#2980b9"),
    ("weight_sqnr_db", "weight", "#16a085"),
)


def page(report: dict[str, Any]) -> str:
    """The whole page of a report as report.json holds it."""
    title = f"{report['source']['name']} by {report['quantize']}"
    layers = report["layers"]
    histograms = "".join(
        _histogram(layers, part) for part in ("weight", "input") if layers
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{escape(title)}</h1><p>{report['tokens']} tokens in "
        f"{report['windows']} windows. Each layer is judged alone, on what it gets "
        f"in the baseline.</p>{_model(report['model'])}"
        f"<h2>Signal to noise of layers</h2>{_plot(layers)}"
        f"<h2>Layers, worst first</h2>{_table(layers)}"
        f"<h2>Scales</h2>{histograms}</html>\n"
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _model(model: dict[str, Any]) -> str:
    change = 100 * (model["perplexity"] / model["perplexity_base"] - 1)
    error = model["ratio_se"]
    rows = (
        ("perplexity, baseline", f"{model['perplexity_base']:.4f}"),
        (
            "perplexity, quantized (standard error)",
            f"{model['perplexity']:.4f} ({_number(model['perplexity_se'], '.4f')})",
        ),
        (
            "change (standard error of paired windows)",
            f"{change:+.2f} % ({_number(error and 100 * error, '.2f')} %)",
        ),
        (
            "KL, mean and 99th percentile, nats",
            f"{model['kl_mean']:.5f}, {model['kl_p99']:.5f}",
        ),
        ("same likeliest token", f"{100 * model['top1']:.2f} %"),
        (
            "package, baseline and quantized, MB",
            f"{model['bytes_base'] / 1e6:.1f}, {model['bytes'] / 1e6:.1f}",
        ),
        (
            "forward, baseline and quantized, tokens/s",
            f"{model['tokens_per_second_base']:.0f}, {model['tokens_per_second']:.0f}",
        ),
    )
    cells = (
        f'<tr><td>{name}</td><td class="n">{value}</td></tr>' for name, value in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _table(layers: list[dict[str, Any]]) -> str:
    head = (
        "layer",
        "output dB",
        "input dB",
        "weight dB",
        "cosine",
        "saturated",
        "flushed",
        "advice",
    )
    lines = ["<tr>" + "".join(f"<th>{name}</th>" for name in head) + "</tr>"]
    for row in layers:
        numbers = [_number(row[key], ".2f") for key, _, _ in SERIES]
        numbers.append(_number(row["cosine"], ".6f"))
        numbers += [f"{100 * row[key]:.3f} %" for key in ("saturated", "flushed")]
        cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
        lines.append(
            f"<tr><td>{escape(row['name'])}</td>{cells}"
            f"<td>{escape(row['advice'])}</td></tr>"
        )
    return f"<table>{''.join(lines)}</table>"


def _plot(layers: list[dict[str, Any]]) -> str:
    """SQNR in dB over the layers, worst first; hover for the name."""
    values = [row[key] for row in layers for key, _, _ in SERIES if row[key]]
    if not values:
        return "<p>No layer is quantized.</p>"
    low, high = min(values) - 1, max(values) + 1
    width, height, left = 900, 260, 40
    step = (width - left) / len(layers)

    def y(value: float) -> float:
        return height - 20 - (height - 40) * (value - low) / (high - low)

    parts = [f'<svg width="{width}" height="{height}">']
    for level in range(int(low) // 5 * 5 + 5, int(high) + 1, 5):
        parts.append(
            f'<line x1="{left}" x2="{width}" y1="{y(level):.1f}" y2="{y(level):.1f}"'
            f' stroke="#ddd"/><text x="4" y="{y(level) + 4:.1f}">{level} dB</text>'
        )
    for offset, (key, label, colour) in enumerate(SERIES):
        x = left + 90 * offset
        parts.append(f'<text x="{x}" y="14" fill="{colour}">● {label}</text>')
        for index, row in enumerate(layers):
            if row[key] is not None:
                parts.append(
                    f'<circle cx="{left + step * (index + 0.5):.1f}" '
                    f'cy="{y(row[key]):.1f}" r="3" fill="{colour}"><title>'
                    f"{escape(row['name'])}: {label} {row[key]:.2f} dB"
                    "</title></circle>"
                )
    return "".join(parts) + "</svg>"


def _histogram(layers: list[dict[str, Any]], part: str) -> str:
    """How many scales of all layers have which exponent."""
    counts: Counter[int] = Counter()
    for row in layers:
        for exponent, count in row["scale_histogram"].get(part, {}).items():
            counts[int(exponent)] += count
    if not counts:
        return ""
    first, last, most = min(counts), max(counts), max(counts.values())
    bar, height = 26, 160
    parts = [f'<svg width="{bar * (last - first + 1) + 20}" height="{height + 40}">']
    parts.append(f'<text x="4" y="12">{part}: exponents of scales</text>')
    for exponent in range(first, last + 1):
        size, x = height * counts[exponent] / most, 10 + bar * (exponent - first)
        parts.append(
            f'<rect x="{x}" y="{height + 20 - size:.1f}" width="{bar - 4}" '
            f'height="{size:.1f}" fill="#2980b9"><title>2^{exponent}: '
            f'{counts[exponent]}</title></rect><text x="{x}" y="{height + 34}">'
            f"{exponent}</text>"
        )
    return "".join(parts) + "</svg>"
