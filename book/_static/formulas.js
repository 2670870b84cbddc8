// An inline formula wider than its line (a long one on a phone) gets a box that scrolls, so that the page does not.
// The punctuation that touches the formula keeps its place beside the box.
(() => {
  const fit = () => {
    const formulas = [...document.querySelectorAll(".bd-article mjx-container:not([display])")];
    formulas.forEach((formula) => {
      formula.classList.remove("too-wide");
      formula.style.removeProperty("--beside");
    });
    const width = (node) => node.getBoundingClientRect().width;
    const phrase = (formula) => formula.closest(".formula-phrase") ?? formula;
    const line = (formula) => formula.closest("p, li, td, dd, figcaption, h1, h2, h3, h4, div");
    // First measure all, then change: a change between two measurements makes the browser lay the page out again.
    const wide = formulas.filter((formula) => width(phrase(formula)) > line(formula).clientWidth)
      .map((formula) => [formula, width(phrase(formula)) - width(formula)]);
    wide.forEach(([formula, beside]) => {
      formula.classList.add("too-wide");
      formula.style.setProperty("--beside", `${beside}px`);
    });
  };
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(() => {
    fit();
    window.addEventListener("resize", fit);
  }));
})();
