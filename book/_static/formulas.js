// An inline formula wider than its line (a long one on a phone) gets a box that scrolls, so that the page does not.
(() => {
  const fit = () => {
    const formulas = [...document.querySelectorAll(".bd-article mjx-container:not([display])")];
    formulas.forEach((formula) => formula.classList.remove("too-wide"));
    const line = (formula) => formula.closest("p, li, td, dd, figcaption, h1, h2, h3, h4, div");
    // First measure all, then change: a change between two measurements makes the browser lay the page out again.
    const wide = formulas.filter((formula) => formula.getBoundingClientRect().width > line(formula).clientWidth);
    wide.forEach((formula) => formula.classList.add("too-wide"));
  };
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(() => {
    fit();
    window.addEventListener("resize", fit);
  }));
})();
