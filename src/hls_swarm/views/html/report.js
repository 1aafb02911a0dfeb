"use strict";
// Draws every chart of the page on one time axis: a common cursor, a common zoom, mouse, touch and keyboard.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const charts = [];
  const sync = uPlot.sync("time");
  let zooming = false;

  const three = (v) => (Math.abs(v) >= 99.95 ? v.toFixed(0) : Math.abs(v) >= 9.995 ? v.toFixed(1) : v.toFixed(2));
  const prefixed = (v, units) => {
    let at = 0;
    while (Math.abs(v) >= 999.5 && at < units.length - 1) { v /= 1000; at += 1; }
    return trimmed(v) + " " + units[at];
  };
  const trimmed = (v) => { const text = three(v); return text.includes(".") ? text.replace(/\.?0+$/, "") : text; };
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
    number: trimmed,
    percent: (v) => trimmed(v) + "%",
    ratio: (v) => trimmed(100 * v) + "%",
    count: (v) => (Number.isInteger(v) ? v.toLocaleString("en") : trimmed(v)),
  };
  const clock = (v) => {
    const s = Math.max(0, Math.round(v)), two = (n) => String(n).padStart(2, "0");
    const rest = two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
    return s >= 3600 ? Math.floor(s / 3600) + ":" + rest : rest.replace(/^0/, "");
  };
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const background = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--band");
    for (const band of data.bands) {
      const from = u.valToPos(band.from, "x", true), to = u.valToPos(band.to, "x", true);
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.fillStyle = ctx.strokeStyle = colour("--mark");
    ctx.lineWidth = devicePixelRatio;
    ctx.font = 11 * devicePixelRatio + "px system-ui, sans-serif";
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of data.marks) {
      const at = Math.round(u.valToPos(mark.at, "x", true));
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(mark.name.slice(0, 40), at + 3 * devicePixelRatio, bbox.top);
    }
    ctx.restore();
  };

  const zoomAll = (min, max) => {
    zooming = true;
    for (const chart of charts) chart.setScale("x", { min, max });
    zooming = false;
  };
  const whole = () => zoomAll(data.x[0], data.x[data.x.length - 1]);

  const axis = (values, size) => ({
    stroke: () => colour("--soft"), grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { stroke: () => colour("--grid"), width: 1 }, font: "11px system-ui, sans-serif",
    values: (u, splits) => splits.map((v) => (v === null ? "" : values(v))), size,
  });

  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  // A line needs neighbours: values that stand alone are drawn as points.
  const isSparse = (values) => values.filter((v) => v !== null).length < Math.max(3, 0.5 * values.length);

  const draw = (chart, box) => {
    const write = writers[chart.unit];
    const options = {
      width: Math.max(200, box.clientWidth - 20), height: 190,
      cursor: { sync: { key: sync.key, setSeries: false }, drag: { x: true, y: false }, points: { size: 6 } },
      scales: {
        x: { time: false },
        // A flat line has room around it; nothing here is below 0 but a clock that stepped.
        y: { range: (u, min, max) => (min === null ? [0, 1] : [Math.min(0, min), max > 0 ? max * 1.12 : 1]) },
      },
      axes: [{ ...axis(clock, 28), space: 60, incrs: steps }, { ...axis(write, 72), space: 34 }],
      series: [
        { label: "at", value: (u, v) => (v === null ? "–" : clock(v)) },
        ...chart.lines.map((line, number) => ({
          label: line.name, width: 1.5, spanGaps: false, points: { show: isSparse(line.values), size: 5 },
          stroke: () => colour("--line-" + (1 + (number % 6))), dash: number >= 6 ? [6, 3] : undefined,
          value: (u, v) => (v === null || v === undefined ? "–" : write(v)),
        })),
      ],
      hooks: {
        drawClear: [background],
        setScale: [(u, key) => { if (key === "x" && !zooming) zoomAll(u.scales.x.min, u.scales.x.max); }],
      },
    };
    const made = new uPlot(options, [data.x, ...chart.lines.map((line) => line.values)], box);
    sync.sub(made);
    charts.push(made);
    return made;
  };

  const moveCursor = (chart, by) => {
    const { min, max } = chart.scales.x;
    const shown = data.x.reduce((all, v, at) => (v >= min && v <= max ? [...all, at] : all), []);
    if (!shown.length) return;
    const before = chart.cursor.idx;
    const at = before === null || before === undefined ? (by > 0 ? shown[0] : shown[shown.length - 1]) : before + by;
    const index = Math.min(shown[shown.length - 1], Math.max(shown[0], at));
    const left = chart.valToPos(data.x[index], "x");
    chart.setCursor({ left, top: chart.over.clientHeight / 2 }, true);
    for (const other of charts) if (other !== chart) other.setCursor({ left: other.valToPos(data.x[index], "x"), top: -10 }, false);
  };
  const zoomBy = (chart, factor) => {
    const { min, max } = chart.scales.x, first = data.x[0], last = data.x[data.x.length - 1];
    const index = chart.cursor.idx;
    const middle = index === null || index === undefined ? (min + max) / 2 : data.x[index];
    const half = Math.max(2, ((max - min) * factor) / 2);
    zoomAll(Math.max(first, middle - half), Math.min(last, middle + half));
  };
  const keys = (chart) => (event) => {
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft") moveCursor(chart, -step);
    else if (event.key === "ArrowRight") moveCursor(chart, step);
    else if (event.key === "+" || event.key === "=") zoomBy(chart, 0.5);
    else if (event.key === "-") zoomBy(chart, 2);
    else if (event.key === "0" || event.key === "Escape") whole();
    else return;
    event.preventDefault();
  };

  const place = document.getElementById("charts");
  let section = null, row = null;
  const boxes = [];
  for (const chart of data.charts) {
    if (chart.section !== section) {
      section = chart.section;
      const title = place.appendChild(document.createElement("h3"));
      title.className = "group";
      title.textContent = section;
      row = place.appendChild(document.createElement("div"));
      row.className = "charts";
    }
    const box = row.appendChild(document.createElement("div"));
    box.className = "chart";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", chart.title + " over time: " + chart.lines.map((line) => line.name).join(", "));
    box.appendChild(document.createElement("h3")).textContent = chart.title;
    boxes.push([chart, box]);
  }

  const resize = () => charts.forEach((chart, at) => chart.setSize({ width: Math.max(200, boxes[at][1].clientWidth - 20), height: 190 }));
  const show = (theme) => {
    root.dataset.theme = theme;
    for (const chart of charts) {
      chart.redraw(false, true);
      // The library colours the boxes of a legend once; the first is the time's and has no colour.
      chart.root.querySelectorAll(".u-legend .u-marker").forEach((box, number) => {
        if (number > 0) box.style.borderColor = colour("--line-" + (1 + ((number - 1) % 6)));
      });
    }
  };
  root.dataset.theme = dark.matches ? "dark" : "light";
  if (data.x.length) for (const [chart, box] of boxes) box.addEventListener("keydown", keys(draw(chart, box)));

  dark.addEventListener("change", () => show(dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => show(root.dataset.theme === "dark" ? "light" : "dark"));
  document.getElementById("reset").addEventListener("click", whole);
  let timer = 0, screenTheme = root.dataset.theme;
  window.addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(resize, 100); });
  window.addEventListener("beforeprint", () => { screenTheme = root.dataset.theme; show("light"); resize(); });
  window.addEventListener("afterprint", () => { show(screenTheme); resize(); });
})();
