"use strict";
// A run as it goes on: takes in what the run sends once a second, and keeps as much of it as the charts can show.
(() => {
  const data = { live: true, x: [], step: 1, start: null, bands: [], marks: [] };
  const charts = makeCharts(data);
  const columns = new Map();  // values by column of the timeline, as many each as there are instants
  const shown = new Map();  // what is drawn, by its anchor: { key, chart }
  const byId = (id) => document.getElementById(id);
  let first = 0, over = false, room = 0, described = [];

  // Only what is on the screen is drawn: the machine may be the one that makes the load.
  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) seen.add(target); else seen.delete(target);
    }
    refresh();
  }, { rootMargin: "200px" });
  let due = false;
  const refresh = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (data.x.length) charts.refresh((box) => seen.has(box));
    });
  };
  document.addEventListener("visibilitychange", refresh);

  // A chart that comes makes its neighbours narrower.
  let sizing = false;
  const sizes = new ResizeObserver(() => {
    if (sizing) return;
    sizing = true;
    requestAnimationFrame(() => {
      sizing = false;
      charts.resize();
    });
  });

  const element = (tag, attributes, ...content) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...content);
    return made;
  };
  const figureOf = (chart) => element("figure", {
    class: "chart " + chart.drawing, id: chart.id, tabindex: "0", role: "group",
    "aria-label": chart.title + ": " + chart.lines.map((line) => line.name).join(", "),
  },
    element("div", { class: "bar" }, element("h4", {}, chart.title),
      element("a", { class: "csv", href: "#" + chart.id, download: chart.id + ".csv", "aria-label": chart.title + " as CSV" }, "CSV")),
    ...(chart.hint ? [element("p", { class: "hint" }, chart.hint)] : []),
    element("div", { class: "limits" }));
  const showLimits = (chart) => {
    const made = chart.limits.map((limit) => element("p", { class: limit.held ? "limit held" : "limit" }, limit.text));
    byId(chart.id).querySelector(".limits").replaceChildren(...made);
  };
  const sectionOf = (title) => {
    const id = "charts-" + title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    const found = byId(id);
    if (found) return found;
    const made = element("section", { id }, element("h3", { class: "group" }, title), element("div", { class: "charts" }));
    byId("sections").append(made);
    return made;
  };
  const drop = (id) => {
    charts.remove(id);
    const box = byId(id), section = box.closest("section");
    watcher.unobserve(box);
    sizes.unobserve(box);
    seen.delete(box);
    box.remove();
    if (!section.querySelector(".chart")) section.remove();
    shown.delete(id);
  };
  const valuesOf = (column) => {
    if (!columns.has(column)) columns.set(column, data.x.map(() => null));
    return columns.get(column);
  };
  const linked = (chart) => ({
    ...chart, lines: chart.lines.map((line) => (line.column ? { name: line.name, values: valuesOf(line.column) } : line)),
  });

  // Bring the charts of the page to what the run has now; one that is as it was stays where it is.
  const arrange = (described) => {
    const keys = new Map(described.map((chart) => [chart.id, JSON.stringify({ ...chart, limits: null, lines: chart.lines.map((line) => [line.name, line.column]), edges: null, loads: null, hint: null })]));
    for (const [id, each] of [...shown]) if (keys.get(id) !== each.key) drop(id);
    const order = [...new Set(described.map((chart) => chart.section))];
    let added = false;
    described.forEach((chart) => {
      const known = shown.get(chart.id);
      if (known) {
        Object.assign(known.chart, { limits: chart.limits });
        if (!chart.lines[0].column) Object.assign(known.chart, { edges: chart.edges, loads: chart.loads, lines: known.chart.lines.map((line, at) => Object.assign(line, { values: chart.lines[at].values })) });
        const hint = byId(chart.id).querySelector(".hint");
        if (hint) hint.textContent = chart.hint;
        showLimits(chart);
        return;
      }
      const made = linked(chart);
      sectionOf(chart.section).querySelector(".charts").append(figureOf(chart));
      charts.draw(made, made.lines[0].values === columns.get("viewers_active"));
      shown.set(chart.id, { key: keys.get(chart.id), chart: made });
      showLimits(chart);
      watcher.observe(byId(chart.id));
      sizes.observe(byId(chart.id));
      added = true;
    });
    if (!added) return;
    for (const title of order) {
      const section = sectionOf(title), box = section.querySelector(".charts");
      byId("sections").append(section);
      box.append(...described.filter((chart) => chart.section === title).map((chart) => byId(chart.id)));
    }
    charts.ready();
  };

  // Two steps become one, whose value is the greater one: a peak stays.
  const fold = () => {
    const pairs = (values) => {
      const count = Math.ceil(values.length / 2);
      for (let at = 0; at < count; at += 1) {
        const one = values[2 * at], other = 2 * at + 1 < values.length ? values[2 * at + 1] : null;
        values[at] = one === null ? other : other === null ? one : Math.max(one, other);
      }
      values.length = count;
    };
    for (const values of columns.values()) pairs(values);
    data.step *= 2;
    const count = Math.ceil(data.x.length / 2);
    data.x.length = count;
    for (let at = 0; at < count; at += 1) data.x[at] = first + at * data.step;
  };
  const add = ({ at, step, values }) => {
    if (!data.x.length) first = at;
    while (data.step < step) fold();
    const number = Math.max(data.x.length - 1, Math.floor((at - first + 0.5) / data.step));
    while (data.x.length <= number) {
      data.x.push(first + data.x.length * data.step);
      for (const points of columns.values()) points.push(null);
    }
    for (const [column, value] of Object.entries(values)) {
      const points = valuesOf(column);
      if (points[number] === null || value > points[number]) points[number] = value;
    }
  };

  const take = (message) => {
    for (const [name, html] of Object.entries(message.parts ?? {})) {
      document.querySelector('[data-part="' + name + '"]').innerHTML = html;
    }
    if (message.verdict) byId("page-head").className = message.verdict;
    if (message.title) document.title = message.title;
    if (message.bands) data.bands = message.bands;
    if (message.marks) data.marks = message.marks;
    if (message.start !== undefined) data.start = message.start;
    described = message.charts ?? described;
    // The names above the first chart take as much room as there are names.
    const needed = labels.room(data);
    if (needed !== room) {
      const named = [...shown].find(([, each]) => each.chart.lines[0].values === columns.get("viewers_active"));
      if (named) drop(named[0]);
    }
    if (message.charts || needed !== room) arrange(described);
    room = needed;
    refresh();
  };
  const say = (text, sort) => {
    byId("state").textContent = text;
    byId("state").className = sort;
  };

  const source = new EventSource("events");
  const heard = (name, act) => source.addEventListener(name, (event) => act(JSON.parse(event.data)));
  heard("everything", (message) => {
    for (const id of [...shown.keys()]) drop(id);
    columns.clear();
    first = message.first;
    data.x = message.x;
    data.step = message.step;
    for (const [name, values] of Object.entries(message.columns)) columns.set(name, values);
    take(message);
    say("live", "live");
  });
  heard("second", (message) => {
    add(message);
    take(message);
    say("live", "live");
  });
  heard("over", (message) => {
    over = true;
    source.close();
    take(message);
    say("the run is over", "");
  });
  source.addEventListener("error", () => { if (!over) say("no connection; trying again", "lost"); });
})();
