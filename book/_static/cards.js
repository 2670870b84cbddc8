// Shows a term's card beside its link: with the mouse over it, with the keyboard on it, or at the first tap.
// The card stays while the mouse is on it; Escape closes it. It lies over the page and moves nothing.
(() => {
  const OPEN_AFTER = 150, CLOSE_AFTER = 250; // ms: the mouse may cross a word, and must reach the card
  const GAP = 6, EDGE = 8; // px: from the word, from the window's edge
  const template = document.getElementById("term-cards");
  if (!template) return;
  let owner = null, card = null, timer, tap = null; // the link whose card is open, the card, and the finger's last touch

  const cardOf = (link) => {
    const term = link.hash.slice(1);
    const old = document.getElementById(`card-${term}`);
    if (old) return old;
    const made = template.content.querySelector(`[data-term="${term}"]`).cloneNode(true);
    made.id = `card-${term}`;
    made.setAttribute("role", "tooltip"); // what a screen reader says of the link, once it has the focus
    made.querySelector("a").tabIndex = -1; // the link itself leads to the same place
    document.body.append(made);
    if (made.querySelector(".math")) // rendered once, when it is first seen
      window.MathJax?.startup?.promise?.then(() => MathJax.typesetPromise([made])).then(() => card === made && place());
    return made;
  };
  const place = () => {
    const lines = owner.getClientRects(); // a term may be broken over two lines
    const first = lines[0], last = lines[lines.length - 1];
    const above = first.top - GAP - card.offsetHeight, below = last.bottom + GAP;
    const up = below + card.offsetHeight > innerHeight - EDGE && above >= EDGE;
    const right = document.documentElement.clientWidth - EDGE - card.offsetWidth;
    card.style.left = `${scrollX + Math.max(EDGE, Math.min(up ? first.left : last.left, right))}px`;
    card.style.top = `${scrollY + (up ? above : below)}px`;
  };
  const close = () => {
    clearTimeout(timer);
    if (!owner) return;
    owner.classList.remove("open");
    owner.removeAttribute("aria-describedby");
    card.hidden = true;
    owner = card = null;
  };
  const open = (link) => {
    clearTimeout(timer);
    if (link === owner) return;
    close();
    owner = link;
    card = cardOf(link);
    card.hidden = false;
    link.classList.add("open");
    link.setAttribute("aria-describedby", card.id);
    place();
  };
  const linkAt = (event) => event.target.closest?.(".term-link");
  const onCard = (node) => Boolean(card?.contains(node));

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    clearTimeout(timer);
    const link = linkAt(event);
    if (link && link !== owner) timer = setTimeout(open, OPEN_AFTER, link);
    else if (!link && owner && !onCard(event.target) && !owner.matches(":focus-visible"))
      timer = setTimeout(close, CLOSE_AFTER);
  });
  document.addEventListener("focusin", (event) => {
    const link = linkAt(event);
    if (link?.matches(":focus-visible")) open(link);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target === owner && !onCard(event.relatedTarget)) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  document.addEventListener("pointerdown", (event) => {
    const link = linkAt(event);
    tap = event.pointerType === "touch" && link ? { link, second: link === owner } : null;
    if (!link && !onCard(event.target)) close();
  });
  document.addEventListener("click", (event) => {
    const link = linkAt(event);
    if (!link || link !== tap?.link) return; // the mouse and the keyboard follow the link
    event.preventDefault();
    if (tap.second) close();
    else open(link);
    tap = null;
  });
  addEventListener("resize", () => owner && place());
  addEventListener("pagehide", close); // whoever comes back finds the page without a card
})();
