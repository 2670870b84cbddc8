// Offers a page in the reader's language: never redirects, asks once, remembers the answer.
// The language wanted is the one chosen before, else the first of the browser's languages that the course has.
// Whoever changes the language stays in the same section: both versions of a page have the same headings.
(() => {
  const KEY = "gans-dtm-language", SHOWN = "gans-dtm-offered";
  const OFFERS = {
    zh: { text: "本页有中文版。", read: "阅读中文版", close: "关闭" },
    en: { text: "This page is also in English.", read: "Read in English", close: "Dismiss" },
  };
  const known = (tag) => Object.keys(OFFERS).find((code) => (tag || "").toLowerCase().split("-")[0] === code);
  const remember = (code) => {
    try { localStorage.setItem(KEY, code); } catch { /* storage is switched off: ask again next time */ }
  };
  const chosen = () => {
    try { return known(localStorage.getItem(KEY)); } catch { return undefined; }
  };

  const page = known(document.documentElement.lang);
  const twin = document.querySelector(".language-switch");
  if (!page || !twin) return;
  const headings = () => [...document.querySelectorAll("article :is(h1, h2, h3)")];
  const leave = (link) => {
    const read = headings().filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3).length;
    link.href = twin.href.split("#")[0] + (read > 1 ? `#heading-${read}` : "");
    remember(known(twin.lang));
    try { sessionStorage.removeItem(SHOWN); } catch { /* see remember */ }
  };
  const arrive = () => headings()[/^#heading-(\d+)$/.exec(location.hash)?.[1] - 1]?.scrollIntoView();
  arrive();
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(arrive)); // the formulas moved it
  twin.addEventListener("click", () => leave(twin));

  const wanted = chosen() || (navigator.languages || [navigator.language]).map(known).find(Boolean) || page;
  if (wanted === page) return;
  try {
    if (sessionStorage.getItem(SHOWN) === wanted) return; // who reads on in this tab has answered
    sessionStorage.setItem(SHOWN, wanted);
  } catch { /* see remember */ }

  const words = OFFERS[wanted];
  const offer = document.createElement("aside");
  offer.className = "language-offer d-print-none";
  offer.lang = twin.lang;
  offer.setAttribute("aria-label", words.text);
  const text = document.createElement("span");
  text.textContent = words.text;
  const link = document.createElement("a");
  link.href = twin.href;
  link.textContent = words.read;
  link.addEventListener("click", () => leave(link));
  const close = document.createElement("button");
  close.type = "button";
  close.setAttribute("aria-label", words.close);
  close.title = words.close;
  close.textContent = "×";
  close.addEventListener("click", () => { remember(page); offer.remove(); });
  offer.append(text, link, close);
  document.body.append(offer);
})();
