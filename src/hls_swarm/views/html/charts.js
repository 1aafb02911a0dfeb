"use strict";
// The charts of a page: those over time on one axis with a common cursor and zoom, by mouse, touch and keyboard.
//
// `data` has the axis and what stands behind the charts: x, step, start, bands, marks; `live` if they grow. Its arrays, and
// those of each chart's lines, are looked at anew each time the charts are refreshed.
const makeCharts = (data) => {
  const root = document.documentElement;
  const drawn = [];  // { chart, box, plot, values }
  const timed = [];  // the plots that share the time axis
  const sync = uPlot.sync("time");
  const HEIGHT = 180, FEW_LINES = 6;
  let zooming = true, local = false;  // the first scales of the charts are no zoom
  let wanted = null;  // the stretch of time that all charts are to show; null is all of it

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const lineColour = (number) => colour("--line-" + (1 + (number % FEW_LINES)));
  const wall = (v) => figures.wall(data.start, v, local);
  const zone = () => (local ? "" : " UTC");

  const zoomAll = (min, max) => {
    zooming = true;
    for (const plot of timed) plot.setScale("x", { min, max });
    zooming = false;
  };
  const ends = () => ({ min: data.x[0], max: Math.max(data.x[data.x.length - 1], data.x[0] + 1) });
  const whole = () => {
    wanted = null;
    zoomAll(ends().min, ends().max);
  };
  // Somebody chose a stretch of time in one chart: all others show it too.
  const chosen = (min, max) => {
    const all = ends();
    wanted = min <= all.min && max >= all.max ? null : { min, max };
    zoomAll(min, max);
  };

  const isChosen = ({ min, max }) => {
    const shown = wanted ?? ends();
    return Math.abs(min - shown.min) > 1e-6 || Math.abs(max - shown.max) > 1e-6;
  };

  const axis = (size, more) => ({
    stroke: () => colour("--soft"), grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { stroke: () => colour("--grid"), width: 1 }, font: "11px system-ui, sans-serif", size, ...more,
  });
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const timeAxis = () => axis(data.start === null ? 28 : 44, {
    space: 76, incrs: steps,
    values: (u, splits) => splits.map((v, at) => {
      const clock = wall(v);
      return clock ? figures.elapsed(v) + "\n" + clock + (at === 0 ? zone() : "") : figures.elapsed(v);
    }),
  });
  const valueAxis = (write) => axis(72, { space: 34, values: (u, splits) => splits.map((v) => (v === null ? "" : write(v))) });

  // A line needs neighbours: values that stand alone are drawn as points.
  const isSparse = (values) => values.filter((v) => v !== null).length < Math.max(3, 0.5 * values.length);
  const greatest = (values) => values.reduce((most, v) => (v === null || (most !== null && v <= most) ? most : v), null);
  const newest = (values) => { for (let at = values.length - 1; at >= Math.max(0, values.length - 3); at -= 1) if (values[at] !== null) return values[at]; return null; };
  const without = data.live ? newest : greatest;
  const WITHOUT = data.live ? "now:" : "greatest:";
  // Up to two seconds without a value do not break a line.
  const longGaps = (u, series, from, to, gaps) => {
    const most = 3.5 * Math.abs(u.valToPos(data.step, "x", true) - u.valToPos(0, "x", true));
    return gaps.filter((gap) => gap[1] - gap[0] > most);
  };
  // A flat line has room around it; nothing here is below 0 but a clock that stepped.
  const range = (chart) => (u, min, max) => {
    if (min === null) return [0, 1];
    const near = chart.limits.map((limit) => limit.value).filter((value) => value <= 5 * max);
    const top = Math.max(max, ...near);
    return [Math.min(0, min), top > 0 ? top * 1.12 : 1];
  };

  const lineOf = (line, number, write) => ({
    label: line.name, width: 1.5, spanGaps: false, gaps: longGaps, points: { show: () => isSparse(line.values), size: 5 },
    stroke: () => lineColour(number), dash: number >= FEW_LINES ? [6, 3] : undefined,
    // Without a cursor a legend tells the greatest value, of a run that goes on the newest one.
    value: (u, v, series, at) => {
      const shown = at === null || at === undefined ? without(line.values) : line.values[at];
      return shown === null || shown === undefined ? "–" : write(shown);
    },
  });

  const overTime = (chart, isFirst) => {
    const write = figures.writers[chart.unit], isStacked = chart.drawing === "stacked";
    // Areas on each other: the sum of all is drawn first, and each further one over it.
    const order = chart.lines.map((_, number) => number);
    if (isStacked) order.reverse();
    return {
      values: () => {
        const sums = isStacked ? stacked(chart) : chart.lines.map((line) => line.values);
        return [data.x, ...order.map((number) => sums[number])];
      },
      options: {
        height: HEIGHT + (isFirst ? labels.room(data) : 0),
        padding: [isFirst ? labels.room(data) : 8, 28, 0, 0],
        cursor: { sync: { key: sync.key, setSeries: false }, drag: { x: true, y: false }, points: { size: 6 } },
        scales: { x: { time: false }, y: { range: isStacked ? [0, 1] : range(chart) } },
        axes: [timeAxis(), valueAxis(write)],
        series: [
          { label: "", value: (u, v) => (v === null ? WITHOUT : figures.elapsed(v) + (wall(v) ? " · " + wall(v) + zone() : "")) },
          ...order.map((number) => ({
            ...lineOf(chart.lines[number], number, write),
            ...(isStacked ? { fill: () => lineColour(number), width: 0, points: { show: false } } : {}),
          })),
        ],
        hooks: {
          drawClear: [(u) => labels.behind(u, data, colour)],
          draw: [(u) => labels.limits(u, chart, colour, write), ...(isFirst ? [(u) => labels.names(u, data, colour)] : [])],
          setScale: [(u, key) => { if (key === "x" && !zooming && isChosen(u.scales.x)) chosen(u.scales.x.min, u.scales.x.max); }],
        },
      },
    };
  };
  const stacked = (chart) => {
    const below = data.x.map(() => 0);
    return chart.lines.map((line) => line.values.map((v, at) => {
      if (chart.lines.every((each) => each.values[at] === null)) return null;
      below[at] += v ?? 0;
      return below[at];
    }));
  };

  // The logarithm of time is the axis: every step of the histogram is as wide as the others.
  const distribution = (chart) => {
    const write = figures.writers[chart.unit], time = figures.writers.seconds;
    const marksOf = (min, max) => {
      const found = [];
      for (let power = Math.floor(min); power <= Math.ceil(max); power += 1)
        for (const times of max - min > 2.5 ? [1] : [1, 2, 5]) {
          const at = power + Math.log10(times);
          if (at >= min && at <= max) found.push(at);
        }
      return found;
    };
    const limits = (u) => labels.behind(u, { x: data.x, bands: [], marks: chart.limits.map((limit) => ({ at: Math.log10(limit.value) })) }, colour);
    return {
      values: () => [
        chart.edges.map((edge) => Math.log10(edge)),
        ...chart.lines.map((line) => [...line.values, line.values[line.values.length - 1]]),
      ],
      options: {
        height: HEIGHT, cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        scales: { x: { time: false }, y: { range: (u, min, max) => [0, max > 0 ? max * 1.12 : 1] } },
        axes: [
          axis(28, { splits: (u, at, min, max) => marksOf(min, max), values: (u, splits) => splits.map((v) => time(10 ** v)) }),
          valueAxis(write),
        ],
        series: [
          { label: "", value: (u, v, series, at) => (v === null ? WITHOUT : time(chart.edges[Math.min(at, chart.edges.length - 2)]) + " to " + time(chart.edges[Math.min(at + 1, chart.edges.length - 1)])) },
          ...chart.lines.map((line, number) => ({
            ...lineOf(line, number, write), gaps: (u, series, from, to, gaps) => gaps, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }),
            fill: () => lineColour(number) + "33",
          })),
        ],
        hooks: { drawClear: [limits] },
      },
    };
  };

  const loads = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((power) => [power, 2 * power, 5 * power]);
  const cloud = (chart) => {
    const write = figures.writers[chart.unit];
    return {
      values: () => [chart.loads, ...chart.lines.map((line) => line.values)],
      options: {
        height: HEIGHT, cursor: { drag: { x: false, y: false }, points: { size: 6 } },
        scales: { x: { time: false, range: (u, min, max) => [0, max * 1.04] }, y: { range: range(chart) } },
        axes: [axis(28, { incrs: loads, values: (u, splits) => splits.map((v) => figures.writers.count(v)) }), valueAxis(write)],
        series: [
          { label: "", value: (u, v) => (v === null ? WITHOUT : figures.writers.count(v) + (v === 1 ? " viewer" : " viewers")) },
          ...chart.lines.map((line, number) => ({
            ...lineOf(line, number, write), gaps: (u, series, from, to, gaps) => gaps, paths: () => null, points: { show: true, size: 4 },
          })),
        ],
      },
    };
  };

  const widthOf = (box) => Math.max(200, Math.floor(box.clientWidth - 20));
  const makers = { distribution, cloud, lines: overTime, stacked: overTime };
  const draw = (chart, isFirst) => {
    const box = document.getElementById(chart.id);
    const { options, values } = makers[chart.drawing](chart, isFirst);
    const plot = new uPlot({ width: widthOf(box), ...options }, values(), box);
    box.querySelector(".csv").addEventListener("click", (event) => {
      event.currentTarget.href = "data:text/csv;charset=utf-8," + encodeURIComponent(figures.csv(chart, data));
    });
    drawn.push({ chart, box, plot, values });
    if (makers[chart.drawing] !== overTime) return;
    if (wanted !== null) plot.setScale("x", wanted);
    sync.sub(plot);
    timed.push(plot);
    box.addEventListener("keydown", keys(plot));
  };

  const moveCursor = (plot, by) => {
    const { min, max } = plot.scales.x;
    const shown = data.x.reduce((all, v, at) => { if (v >= min && v <= max) all.push(at); return all; }, []);
    if (!shown.length) return;
    const before = plot.cursor.idx;
    const at = before === null || before === undefined ? (by > 0 ? shown[0] : shown[shown.length - 1]) : before + by;
    const index = Math.min(shown[shown.length - 1], Math.max(shown[0], at));
    const left = plot.valToPos(data.x[index], "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true);
    for (const other of timed) if (other !== plot) other.setCursor({ left: other.valToPos(data.x[index], "x"), top: -10 }, false);
  };
  const zoomBy = (plot, factor) => {
    const { min, max } = plot.scales.x, first = data.x[0], last = data.x[data.x.length - 1];
    const index = plot.cursor.idx;
    const middle = index === null || index === undefined ? (min + max) / 2 : data.x[index];
    const half = Math.max(2, ((max - min) * factor) / 2);
    chosen(Math.max(first, middle - half), Math.min(last, middle + half));
  };
  const keys = (plot) => (event) => {
    const step = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowLeft") moveCursor(plot, -step);
    else if (event.key === "ArrowRight") moveCursor(plot, step);
    else if (event.key === "+" || event.key === "=") zoomBy(plot, 0.5);
    else if (event.key === "-") zoomBy(plot, 2);
    else if (event.key === "0" || event.key === "Escape") whole();
    else return;
    event.preventDefault();
  };

  const resize = () => drawn.forEach(({ box, plot }) => {
    const width = widthOf(box);
    if (width !== plot.width) plot.setSize({ width, height: plot.height });
  });
  const paintLegends = () => {
    for (const { chart, plot } of drawn) {
      // The library colours the boxes of a legend once; the first is the time's and has no colour.
      const count = chart.lines.length;
      plot.root.querySelectorAll(".u-legend .u-marker").forEach((box, number) => {
        if (number === 0) return;
        const line = chart.drawing === "stacked" ? count - number : number - 1;
        box.style.borderColor = lineColour(line);
        if (chart.drawing === "stacked" || chart.drawing === "distribution") box.style.background = lineColour(line);
      });
    }
  };
  const show = (theme) => {
    root.dataset.theme = theme;
    for (const { plot } of drawn) plot.redraw(false, true);
    paintLegends();
  };

  const remove = (id) => {
    const at = drawn.findIndex((each) => each.chart.id === id);
    if (at < 0) return;
    const [{ plot }] = drawn.splice(at, 1);
    if (timed.includes(plot)) {
      sync.unsub(plot);
      timed.splice(timed.indexOf(plot), 1);
    }
    plot.destroy();
  };
  // Draw what has been added to the arrays, in those charts that `isSeen` says are worth it.
  const refresh = (isSeen) => {
    const shown = wanted ?? ends();
    zooming = true;
    for (const { box, plot, values } of drawn) {
      if (!isSeen(box)) continue;
      plot.batch(() => {
        plot.setData(values(), !timed.includes(plot));
        if (timed.includes(plot)) {
          plot.redraw(true, true);
          plot.setScale("x", shown);
        }
        const at = plot.cursor.idx;
        if (at === null || at === undefined) plot.setLegend({ idx: null }, false);
      });
    }
    zooming = false;
  };
  const ready = () => {
    paintLegends();
    setTimeout(() => { zooming = false; });
  };
  const turnZone = () => {
    local = !local;
    for (const plot of timed) plot.redraw(true, true);
  };

  // What the head of a page has buttons for.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = dark.matches ? "dark" : "light";
  dark.addEventListener("change", () => show(dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => show(root.dataset.theme === "dark" ? "light" : "dark"));
  document.getElementById("zone").addEventListener("click", turnZone);
  document.getElementById("reset").addEventListener("click", whole);
  return { draw, remove, refresh, ready, resize, show, paintLegends };
};
