"use strict";
// Draws the charts of a report, and puts the page on paper.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const charts = makeCharts(data);

  const unfold = () => {
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    const folded = target && (target.matches("details") ? target : target.closest("details") || target.querySelector(":scope > details"));
    if (folded) { folded.open = true; target.scrollIntoView(); }
  };

  for (const chart of data.beside) charts.draw(chart, false);
  if (data.x.length) data.charts.forEach((chart, number) => charts.draw(chart, number === 0));
  charts.ready();
  unfold();

  window.addEventListener("hashchange", unfold);

  // On paper: the light theme, everything unfolded, and charts as wide as a column of the page.
  let timer = 0, before = null;
  const toPaper = () => {
    if (before !== null) return;
    const closed = [...document.querySelectorAll("details:not([open])")];
    before = { theme: root.dataset.theme, closed };
    for (const each of closed) each.open = true;
    root.classList.add("paper");
    charts.show("light");
    charts.resize();
  };
  const fromPaper = () => {
    if (before === null) return;
    const { theme, closed } = before;
    before = null;
    for (const each of closed) each.open = false;
    root.classList.remove("paper");
    charts.show(theme);
    charts.resize();
  };
  window.addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(() => { if (before === null) charts.resize(); }, 100); });
  window.addEventListener("beforeprint", toPaper);
  window.addEventListener("afterprint", fromPaper);
})();
