// An inline formula wider than its line (a phone, a long one) gets a box that scrolls, so that the page does not.
(() => {
  const fit = () => {
    for (const formula of document.querySelectorAll(".bd-article mjx-container:not([display])")) {
      formula.classList.remove("too-wide");
      const line = formula.closest("p, li, td, dd, figcaption, h1, h2, h3, h4, div");
      formula.classList.toggle("too-wide", formula.getBoundingClientRect().width > line.clientWidth);
    }
  };
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(() => {
    fit();
    window.addEventListener("resize", fit);
  }));
})();
