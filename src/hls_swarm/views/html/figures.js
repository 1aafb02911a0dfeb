"use strict";
// Figures as a person reads them, and a chart's values as CSV.
const figures = (() => {
  const three = (v) => (Math.abs(v) >= 99.95 ? v.toFixed(0) : Math.abs(v) >= 9.995 ? v.toFixed(1) : v.toFixed(2));
  const trimmed = (v) => { const text = three(v); return text.includes(".") ? text.replace(/\.?0+$/, "") : text; };
  const prefixed = (v, units) => {
    let at = 0;
    while (Math.abs(v) >= 999.5 && at < units.length - 1) { v /= 1000; at += 1; }
    return trimmed(v) + " " + units[at];
  };
  const seconds = (v) => {
    if (v === 0) return "0 s";
    const a = Math.abs(v);
    if (a >= 3600) return trimmed(v / 3600) + " h";
    if (a >= 99.95) return trimmed(v / 60) + " min";
    if (a >= 0.9995) return trimmed(v) + " s";
    if (a >= 0.0009995) return trimmed(v * 1e3) + " ms";
    return (v * 1e6).toFixed(0) + " µs";
  };
  const writers = {
    seconds,
    bytes: (v) => prefixed(v, ["B", "kB", "MB", "GB", "TB"]),
    bytes_per_second: (v) => prefixed(8 * v, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]),
    per_second: (v) => trimmed(v) + "/s",
    multiple: trimmed,
    percent: (v) => trimmed(v) + "%",
    ratio: (v) => trimmed(100 * v) + "%",
    count: (v) => (Number.isInteger(v) ? v.toLocaleString("en") : trimmed(v)),
  };
  const two = (n) => String(n).padStart(2, "0");
  const elapsed = (v) => {
    const s = Math.max(0, Math.round(v));
    const rest = two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
    return s >= 3600 ? Math.floor(s / 3600) + ":" + rest : rest.replace(/^0/, "");
  };
  // What a clock on the wall says `v` seconds after the start of the run; "" if that is not known.
  const wall = (start, v, local) => {
    if (start === null) return "";
    const at = new Date(1000 * Math.round(start + v));
    return local
      ? [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")
      : at.toISOString().slice(11, 19);
  };

  // RFC 4180.
  const cell = (v) => {
    const text = v === null || v === undefined ? "" : String(v);
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  const table = (rows) => rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
  const csv = (chart, data) => {
    const names = chart.lines.map((line) => line.name);
    if (chart.edges) {
      const rows = chart.lines[0].values.map((_, at) => [chart.edges[at], chart.edges[at + 1], ...chart.lines.map((line) => line.values[at])]);
      return table([["from_seconds", "to_seconds", ...names], ...rows]);
    }
    if (chart.loads) return table([["viewers", ...names], ...chart.loads.map((load, at) => [load, ...chart.lines.map((line) => line.values[at])])]);
    const time = (v) => (data.start === null ? null : new Date(1000 * (data.start + v)).toISOString());
    return table([["elapsed_seconds", "time", ...names], ...data.x.map((v, at) => [v, time(v), ...chart.lines.map((line) => line.values[at])])]);
  };
  return { writers, elapsed, wall, csv };
})();
