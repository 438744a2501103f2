// Draws the charts one after the other, from the JSON that stands beside each of them.
(async () => {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    ast: true, // expressions are interpreted: the page's policy forbids making code from text
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  for (const plot of document.querySelectorAll(".plot")) {
    const spec = JSON.parse(plot.nextElementSibling.textContent);
    try {
      await vegaEmbed(plot, spec, options);
    } catch (error) {
      plot.textContent = "This chart could not be drawn: " + error.message;
    }
    await new Promise((resume) => setTimeout(resume)); // lets the page scroll between charts
  }
  document.documentElement.dataset.drawn = "all";
})();

// An explanation that would leave the window is moved into it.
const place = (event) => {
  const tip = event.target.querySelector?.(".tip");
  if (!tip) return;
  tip.classList.remove("below");
  tip.style.translate = "";
  const { left, right, top } = tip.getBoundingClientRect();
  tip.classList.toggle("below", top < 8);
  tip.style.translate = `${Math.max(8 - left, Math.min(0, innerWidth - 16 - right))}px`;
};
for (const term of document.querySelectorAll(".term")) {
  term.addEventListener("pointerenter", place);
  term.addEventListener("focus", place);
}

// On paper, what is folded is opened.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const details of folded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of folded) details.open = false;
});
