"use strict";
// What stands behind and beside a chart's lines: bands of time, marks, limits; their names on one chart only.
const labels = (() => {
  const LANES = 5, LANE = 15;
  const named = (data) => [
    ...data.bands.filter((band) => band.name).map((band) => ({ at: band.from, to: band.to, name: band.name, sort: band.sort })),
    ...data.marks.map((mark) => ({ at: mark.at, to: mark.at, name: mark.name, sort: "mark" })),
  ].sort((one, other) => one.at - other.at);
  const colours = { phase: "--soft", mark: "--mark", warning: "--invalid", critical: "--fail" };

  // Room above the plot for names.
  const room = (data) => 4 + LANE * Math.min(LANES, named(data).length);

  const bands = (u, data, colour) => {
    const { ctx, bbox } = u;
    // Those of one sort are one shape: where two overlap it is no darker. What may last for the whole run is a strip.
    const strip = 4 * devicePixelRatio, rows = { critical: 0, warning: 1 };
    for (const sort of ["phase", "warning", "critical"]) {
      const top = bbox.top + strip * (rows[sort] ?? 0), height = sort in rows ? strip : bbox.height;
      ctx.fillStyle = colour("--band-" + sort);
      ctx.beginPath();
      for (const band of data.bands) {
        if (band.sort !== sort) continue;
        const from = u.valToPos(band.from, "x", true), to = u.valToPos(band.to, "x", true);
        ctx.rect(from, top, Math.max(1, to - from), height);
      }
      ctx.fill();
    }
  };
  // The worst of what was found is behind the lines too, where it does not last for most of the run.
  const incidents = (u, data, colour) => {
    const { ctx, bbox } = u, found = data.bands.filter((band) => band.sort === "critical");
    const whole = data.x[data.x.length - 1] - data.x[0];
    ctx.fillStyle = colour("--incident");
    ctx.beginPath();
    for (const band of found) {
      if (band.to - band.from > 0.6 * whole) continue;
      const from = u.valToPos(band.from, "x", true), to = u.valToPos(band.to, "x", true);
      ctx.rect(from, bbox.top, Math.max(1, to - from), bbox.height);
    }
    ctx.fill();
  };
  const marks = (u, data, colour) => {
    const { ctx, bbox } = u;
    ctx.strokeStyle = colour("--mark");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of data.marks) {
      const at = Math.round(u.valToPos(mark.at, "x", true));
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
  };

  const fitting = (ctx, text, width) => {
    if (ctx.measureText(text).width <= width) return text;
    let length = text.length - 1;
    while (length > 1 && ctx.measureText(text.slice(0, length) + "…").width > width) length -= 1;
    return text.slice(0, length) + "…";
  };

  // Names above the plot, each in the first lane with room; one that finds none stands in the lists only.
  const names = (u, data, colour) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio, lane = LANE * ratio, ends = [];
    ctx.save();
    ctx.font = 11 * ratio + "px system-ui, sans-serif";
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    const { min, max } = u.scales.x, placed = [];
    for (const label of named(data)) {
      if (label.to < min || label.at > max) continue;
      const at = u.valToPos(Math.max(min, label.at), "x", true), name = fitting(ctx, label.name, bbox.width);
      const width = ctx.measureText(name).width;
      const left = Math.max(bbox.left, Math.min(at + 3 * ratio, bbox.left + bbox.width - width));
      let row = 0;
      while (row < LANES && ends[row] !== undefined && ends[row] + 8 * ratio > left) row += 1;
      if (row >= LANES) continue;
      ends[row] = left + width;
      placed.push({ name, sort: label.sort, at, left, width, middle: bbox.top - (row + 0.5) * lane - 2 * ratio });
    }
    ctx.lineWidth = ratio;
    for (const label of placed) {
      ctx.strokeStyle = colour(colours[label.sort]);
      ctx.beginPath();
      ctx.moveTo(label.at, label.middle);
      ctx.lineTo(label.at, bbox.top);
      ctx.stroke();
    }
    for (const label of placed) {
      ctx.fillStyle = colour("--card");
      ctx.fillRect(label.left, label.middle - lane / 2, label.width, lane);
      ctx.fillStyle = colour(colours[label.sort]);
      ctx.fillText(label.name, label.left, label.middle);
    }
    ctx.restore();
  };

  // Limits as lines; one that is far above what was measured is an arrow at the top, so that the measured keeps its height.
  const limits = (u, chart, colour, write) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio;
    ctx.save();
    ctx.font = 11 * ratio + "px system-ui, sans-serif";
    ctx.lineWidth = ratio;
    ctx.textAlign = "right";
    for (const limit of chart.limits) {
      ctx.fillStyle = ctx.strokeStyle = colour(limit.held ? "--pass" : "--fail");
      const right = bbox.left + bbox.width - 3 * ratio;
      if (limit.value > u.scales.y.max) {
        ctx.textBaseline = "top";
        ctx.fillText("limit " + write(limit.value) + " ↑", right, bbox.top + 2 * ratio);
        continue;
      }
      const y = Math.round(u.valToPos(limit.value, "y", true));
      ctx.setLineDash([6 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      const isHigh = y - bbox.top < 16 * ratio;
      ctx.textBaseline = isHigh ? "top" : "bottom";
      ctx.fillText("limit " + write(limit.value), right, y + (isHigh ? 2 : -2) * ratio);
    }
    ctx.restore();
  };

  const behind = (u, data, colour) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    incidents(u, data, colour);
    bands(u, data, colour);
    marks(u, data, colour);
    ctx.restore();
  };
  return { behind, names, limits, room };
})();
