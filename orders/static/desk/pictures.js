// Pictures: draws what the page says in `data-figures`, again when it changes, in the colours of the
// theme. A bar leads to what it counts; the same links stand in the table below.
(function () {
  "use strict";

  const BACKGROUND = { unknown: "unknown-bg" }; // tones whose colour on a page is another

  function colour(tone) {
    const name = `--dk-${BACKGROUND[tone] || tone}`;
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function dip() {
    Chart.defaults.color = colour("muted");
    Chart.defaults.borderColor = colour("line");
  }

  function paint(chart) {
    chart.data.datasets.forEach(function (set) {
      const tones = Array.isArray(set.tone) ? set.tone.map(colour) : colour(set.tone);
      set.backgroundColor = set.borderColor = tones;
    });
  }

  // A line across at a value with a name: the sync period, the mark.
  function strike(chart) {
    const mark = chart.data.mark;
    if (!mark) return;
    const isLying = chart.options.indexAxis === "y";
    const area = chart.chartArea;
    const at = chart.scales[isLying ? "x" : "y"].getPixelForValue(mark.value);
    const pen = chart.ctx;
    pen.save();
    pen.strokeStyle = colour("text");
    pen.setLineDash([6, 4]);
    pen.beginPath();
    pen.moveTo(isLying ? at : area.left, isLying ? area.top : at);
    pen.lineTo(isLying ? at : area.right, isLying ? area.bottom : at);
    pen.stroke();
    pen.restore();
  }

  function linkAt(chart, event) {
    const hit = chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, false)[0];
    const links = hit && chart.data.datasets[hit.datasetIndex].links;
    return (links && links[hit.index]) || "";
  }

  const DESK = {
    id: "desk",
    beforeDatasetsUpdate: paint,
    afterDatasetsDraw: strike,
    afterEvent(chart, { event }) {
      if (!event.native || !["click", "mousemove"].includes(event.type)) return;
      const link = linkAt(chart, event);
      chart.canvas.style.cursor = link ? "pointer" : "";
      if (link && event.type === "click") window.location.assign(link);
    },
  };

  function draw(box) {
    const picture = box.closest(".dk-picture") || document.getElementById(`picture-${box.id.replace("figures-", "")}`);
    const canvas = picture && picture.querySelector("canvas");
    if (!canvas || box.dataset.drawn === box.dataset.figures) return;
    box.dataset.drawn = box.dataset.figures;
    picture.classList.toggle("dk-nothing", !box.querySelector("table"));
    const data = JSON.parse(box.dataset.figures);
    const drawn = Chart.getChart(canvas);
    if (drawn) {
      drawn.data = data;
      drawn.update("none");
    } else {
      const options = JSON.parse(canvas.dataset.options);
      new Chart(canvas, { type: canvas.dataset.type, data, options, plugins: [DESK] });
    }
  }

  function drawAll() {
    document.querySelectorAll("[data-figures]").forEach(draw);
  }

  // What one reads or opened stays as it is.
  document.addEventListener("htmx:oobBeforeSwap", function (event) {
    const target = event.detail.target;
    target.querySelectorAll("canvas").forEach((canvas) => Chart.getChart(canvas)?.destroy());
    if (!target.matches("[data-figures]")) return;
    if (target.contains(document.activeElement)) event.detail.shouldSwap = false;
    const details = event.detail.fragment.querySelector("details");
    if (details && target.querySelector("details[open]")) details.open = true;
  });

  document.addEventListener("htmx:oobAfterSwap", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  window.addEventListener("load", function () {
    Chart.defaults.font.family = "Inter, system-ui, sans-serif";
    dip();
    drawAll();
    const all = function () {
      dip();
      Object.values(Chart.instances).forEach((chart) => chart.update("none"));
    };
    new MutationObserver(all).observe(document.documentElement, { attributeFilter: ["class"] });
    window.addEventListener("beforeprint", () => Object.values(Chart.instances).forEach((chart) => chart.resize()));
  });
})();
