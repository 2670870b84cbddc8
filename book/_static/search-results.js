// The search page: finds by every word of the query, and shows of each page the place that holds the query.
//
// A page's text is cut into blocks (paragraphs, list items, table rows …). The block that fits the query best gives the
// excerpt, its words marked, and the link "§" to the theorem, glossary entry or section around it. Chinese text has
// no spaces, so a word of it is a run of characters; a Latin word is compared by its stem, as in the index.
// Sphinx's own scripts stay as they are; only functions of its object `Search` are replaced.
(() => {
  const HAN = /[\u3400-\u9fff]/;
  const TOKEN = /[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[\p{L}\p{N}_])+/gu;
  const UNIT = /[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])[\p{L}\p{N}_])+/gu;
  const LENGTH = document.documentElement.lang.startsWith("zh") ? 110 : 220; // characters of an excerpt
  const BLOCKS = "h1, h2, h3, h4, h5, p, li, dt, dd, pre, figcaption";
  const TITLES = "h1, h2, h3, h4, h5, .admonition-title";
  const PLACES = "tr[id], .proof[id], .exercise[id], .solution[id], section[id]:not([id$='-content'])";
  const NO_TEXT = ".headerlink, script, style, template, nav, button, .toctree-wrapper, .sd-stretched-link, .label";

  // --- formulas ---------------------------------------------------------------------------------------------------
  const SIGNS = Object.fromEntries(
    ("alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ vartheta θ iota ι kappa κ lambda λ " +
      "mu μ nu ν xi ξ pi π rho ρ varrho ρ sigma σ tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ " +
      "Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω in ∈ notin ∉ subset ⊂ subseteq ⊆ cup ∪ cap ∩ setminus ∖ " +
      "emptyset ∅ to → mapsto ↦ rightarrow → uparrow ↑ downarrow ↓ Rightarrow ⇒ implies ⇒ iff ⇔ sim ∼ approx ≈ " +
      "equiv ≡ propto ∝ le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ ll ≪ gg ≫ times × cdot · circ ∘ pm ± odot ⊙ otimes ⊗ " +
      "infty ∞ partial ∂ nabla ∇ sum ∑ prod ∏ int ∫ sqrt √ forall ∀ exists ∃ mid | Vert ‖ lVert ‖ rVert ‖ | ‖ ell ℓ prime ′ top ⊤ perp ⊥ star * " +
      "ast * dots … ldots … cdots …").match(/\S+ \S+/g).map((pair) => pair.split(" ")),
  );
  const NAMES = "log ln exp min max inf sup lim arg sin cos tan tanh det dim Pr".split(" ");
  const raised = (digits) => digits.replace(/[-\d]/g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
  const lowered = (digits) => digits.replace(/\d/g, (sign) => "₀₁₂₃₄₅₆₇₈₉"[sign]);
  // A formula in plain letters, "…" for one that is long or too much for a line.
  const readable = (tex) => {
    const plain = tex
      .replace(/^\s*(\\\(|\\\[|\$+)|(\\\)|\\\]|\$+)\s*$/g, "")
      .replace(/\\[td]?frac\s*(?:\{([^{}]*)\}|(\d|[a-z]))\s*(?:\{([^{}]*)\}|(\d|[a-z]))/gi, (_all, a, b, c, d) =>
        " " + [a ?? b, c ?? d].map((part) => (/[-+]/.test(part) ? `(${part})` : part)).join("/"))
      .replace(/\\([A-Za-z]+|[^A-Za-z])/g, (all, name) => {
        if (/frac$|^begin$/.test(name)) return all; // two lines high
        if (name === "{" || name === "}") return name === "{" ? "⦃" : "⦄"; // the braces that are seen
        return SIGNS[name] ?? (NAMES.includes(name) ? ` ${name} ` : "");
      })
      .replace(/\^(?:\{(-?\d+)\}|(\d))/g, (_all, many, one) => raised(many ?? one))
      .replace(/_(?:\{(\d+)\}|(\d))/g, (_all, many, one) => lowered(many ?? one))
      .replace(/\^(?=\{?[*′])|[{}_&~]/g, "").replaceAll("⦃", "{").replaceAll("⦄", "}")
      .replace(/\s+/g, " ").replace(/(?<=[([{∼→↦∈≤≥=≠≡+×√|‖-]) | (?=[(),\])}])/g, "").trim();
    return plain.length > 28 || plain.includes("\\") ? "…" : plain;
  };

  // --- words ------------------------------------------------------------------------------------------------------
  const stemmer = new Stemmer();
  const stems = new Map();
  const fold = (text) => text.replace(/[\u00c0-\u024f]/g, (sign) => sign.normalize("NFD")[0]).toLowerCase();
  const stem = (word) => {
    if (!stems.has(word)) stems.set(word, HAN.test(word) ? word : stemmer.stemWord(word));
    return stems.get(word);
  };
  const tokens = (text) =>
    [...fold(text).matchAll(TOKEN)].map(({ 0: word, index: start }) =>
      ({ word, stem: stem(word), start, end: start + word.length }));
  const units = (query) => telling(fold(query).match(UNIT) ?? []);
  const telling = (words) => { // without stop words and single letters, unless nothing else is there
    const kept = words.filter((word) => HAN.test(word) || (word.length > 1 && !stopwords.includes(word)));
    return kept.length ? kept : words;
  };

  // Where the words stand in a text one right after the other, as [start, end].
  const sequences = (text, found, wanted, key) => {
    const together = (i) => wanted.every((token, k) => {
      const here = found[i + k], gap = k && here ? text.slice(found[i + k - 1].end, here.start) : "";
      const close = k && HAN.test(token.word) && HAN.test(wanted[k - 1].word) ? !gap.trim() : gap.length < 4;
      return here?.[key] === token[key] && close;
    });
    return found.flatMap((token, i) => (together(i) ? [[token.start, found[i + wanted.length - 1].end]] : []));
  };

  // How well one unit of the query (a Chinese run, a Latin word) fits a text, and where.
  const fit = (text, found, unit) => {
    const wanted = tokens(unit);
    const ranges = sequences(text, found, wanted, "stem");
    if (ranges.length) return { score: sequences(text, found, wanted, "word").length ? 1 : 0.9, ranges };
    if (HAN.test(unit)) { // not as a whole: its pairs, where they overlap joined
      const pairs = wanted.slice(1).map((_token, i) => sequences(text, found, wanted.slice(i, i + 2), "word"));
      const there = pairs.filter((ranges) => ranges.length).length;
      return { score: (0.6 * there) / Math.max(pairs.length, 1), ranges: pairs.flat() };
    }
    const longer = unit.length > 2 ? found.filter((token) => token.word.includes(unit)) : [];
    return { score: longer.length ? 0.3 : 0, ranges: longer.map((token) => [token.start, token.end]) };
  };

  const joined = (ranges) => {
    const merged = [];
    for (const [start, end] of ranges.sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
      const last = merged.at(-1);
      if (last && start < last[1]) last[1] = Math.max(last[1], end);
      else merged.push([start, end]);
    }
    return merged;
  };

  // --- pages ------------------------------------------------------------------------------------------------------
  const WIDE = /([\u3001-\u301f\uff01-\uff60]) | (?=[\u3001-\u301f\uff01-\uff60])/g; // signs that need no space
  const clean = (text) => text.replace(/\s+/g, " ").replace(WIDE, "$1").trim();
  const titleOf = (place) =>
    clean(place.querySelector(`${TITLES}, td > :first-child`)?.textContent ?? "");

  const gather = (article) => { // block → text, in the order of the page
    const texts = new Map();
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      const block = parent.closest("div.math") ?? parent.closest("tr") ?? parent.closest(BLOCKS) ?? parent;
      texts.set(block, (texts.get(block) ?? "") + walker.currentNode.data);
    }
    return texts;
  };
  const read = (html) => {
    const article = new DOMParser().parseFromString(html, "text/html").querySelector("article");
    if (!article) return null;
    article.querySelectorAll(NO_TEXT).forEach((node) => node.remove());
    const sources = gather(article);
    article.querySelectorAll("span.math").forEach((node) => { node.textContent = readable(node.textContent); });
    article.querySelectorAll("div.math").forEach((node) => { node.textContent = ""; }); // in the way of reading
    const texts = gather(article);
    const all = [...sources].map(([node, tex]) =>
      ({ node, tex, text: clean(texts.get(node) ?? ""), place: node.closest(PLACES) }));
    return { article, all, blocks: all.filter(({ text }) => text) };
  };
  const pages = new Map();
  const open = (address) => {
    const get = () => fetch(address).then((answer) => answer.text()).then(read);
    if (!pages.has(address)) pages.set(address, get().catch(() => null));
    return pages.get(address); // null where the page cannot be read, as from a file: the title is all there is then
  };

  // What speaks for a block beside its words: titles say what the place is about, code and solutions rarely do.
  const bonus = ({ node, place }, named) => {
    if (!place || place.matches(".solution") || place.querySelector(":scope > h1") || node.matches("pre")) return -0.1;
    return named ? 0.5 : node.matches(TITLES) ? 0.3 : 0;
  };

  // The best block for a query, and what to mark in it.
  const best = (blocks, query) => {
    const phrase = tokens(query), name = fold(clean(query));
    let winner = null;
    for (const block of blocks) {
      const found = tokens(block.text);
      const fits = units(query).map((unit) => fit(block.text, found, unit));
      const whole = ["word", "stem"].map((key) => sequences(block.text, found, phrase, key)[0]);
      const score = fits.reduce((sum, { score }) => sum + score, 0) / fits.length + (whole[0] ? 2 : whole[1] ? 1.8 : 0);
      const named = block.place && fold(titleOf(block.place)) === name;
      const total = score && score + bonus(block, named);
      if (total > (winner?.score ?? 0)) {
        const first = Math.min(...fits.flatMap(({ ranges }) => ranges.map(([start]) => start)));
        const rank = whole[0] ? 2 : whole[1] ? 1 : 0;
        winner = { ...block, rank, named, score: total, start: (whole[0] ?? whole[1])?.[0] ?? first };
      }
    }
    return winner;
  };

  // For a query that stands in formulas only: the text that holds the formula or leads to it.
  const beside = (all, blocks, query) => {
    const formula = best(all.map((block) => ({ ...block, text: block.tex })), query);
    const before = ({ node }) => node === formula.node || formula.node.compareDocumentPosition(node) & 2; // it precedes
    const text = formula && blocks.filter(before).at(-1);
    return text && { ...text, place: formula.place, score: formula.score, rank: 0, start: 0 };
  };

  // The text around the place found, from there on as far as its section goes, with the query's words marked.
  const excerpt = (blocks, { node, place, text, start }, query) => {
    const rest = blocks.slice(blocks.findIndex((block) => block.node === node) + 1);
    for (const block of rest) {
      if (text.length > LENGTH + start || !(place?.contains(block.node) ?? !block.place) || node.matches("tr")) break;
      text += (block === rest[0] && node.matches(TITLES) ? " · " : " ") + block.text;
    }
    const wordStart = (at) => (HAN.test(text[at]) ? at : Math.min(start, text.indexOf(" ", at) + 1 || at));
    const from = start < LENGTH / 2 ? 0 : wordStart(start - Math.floor(LENGTH / 3));
    const cut = text.length > from + LENGTH ? text.slice(from, from + LENGTH) : text.slice(from);
    const shown = cut.length < text.length - from && !HAN.test(cut.at(-1)) ? cut.replace(/ \S*$/, "") : cut;

    const found = tokens(shown);
    const paragraph = document.createElement("p");
    paragraph.className = "context";
    let at = 0;
    paragraph.append(from ? "…" : "");
    for (const [first, last] of joined(units(query).flatMap((unit) => fit(shown, found, unit).ranges))) {
      const mark = document.createElement("span");
      mark.className = "highlighted";
      mark.textContent = shown.slice(first, last);
      paragraph.append(shown.slice(at, first), mark);
      at = last;
    }
    paragraph.append(shown.slice(at) + (shown.length < text.length - from ? "…" : ""));
    return paragraph;
  };

  // --- results ----------------------------------------------------------------------------------------------------
  // A result is an item of the list with its link, to which the rest comes as soon as the page is read.
  const show = (result, query, others) => {
    const [name, title, anchor, , score] = result;
    const address = document.documentElement.dataset.content_root + name + DOCUMENTATION_OPTIONS.FILE_SUFFIX;
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = address + anchor;
    link.dataset.score = score;
    link.textContent = title.includes("\\") ? title.replace(/\\[A-Za-z]+/g, readable) : title;
    item.append(link);
    const shown = { item, rank: 0 };
    shown.read = open(address).then((page) => page && fill(shown, page, link, address, anchor, query, others));
    return shown;
  };

  const fill = (shown, page, link, address, anchor, query, others) => {
    const at = (anchor) => anchor && page.article.querySelector(`[id="${CSS.escape(anchor.slice(1))}"]`);
    const root = at(anchor), own = root && titleOf(root);
    if (own) link.textContent = `${titleOf(page.article)} › ${own}`;
    const roots = others.map(at); // results of their own, so this one shows another place
    const inside = (blocks) =>
      blocks.filter(({ node }) => (root ? root.contains(node) : !roots.some((place) => place?.contains(node))));
    const blocks = inside(page.blocks);
    const found = best(blocks, query) ?? beside(inside(page.all), blocks, query);
    if (!found) return;
    if (others.length && found.score < 0.9) { // the results of their own are all that this page has
      shown.item.remove();
      shown.rank = -1;
      return;
    }
    shown.rank = found.rank + (root || found.named ? 0.5 : 0);
    const paragraph = excerpt(page.blocks, found, query);
    if (found.place && found.place !== root) {
      const place = document.createElement("a");
      place.className = "search-place";
      place.href = `${address}#${found.place.id}`;
      place.textContent = `§ ${titleOf(found.place)}`;
      paragraph.prepend(place, " ");
    }
    shown.item.append(paragraph);
  };

  // Sphinx leaves words of one or two letters out of account, and every Chinese pair has two: a page would be found by
  // any one word of "Jensen 不等式". So each word is looked up by itself, and a page must have them all.
  const lookUp = Search.performTermsSearch;
  Search.performTermsSearch = (words, excluded) => {
    const find = (word) => new Map(lookUp(new Set([word]), excluded).map((result) => [result[0], result]));
    const lists = telling([...words]).map(find);
    const [first, ...others] = lists;
    return [...(first ?? new Map()).values()].filter(([name]) => others.every((list) => list.has(name)))
      .map(([name, title, anchor, descr, , file]) =>
        [name, title, anchor, descr, Math.max(...lists.map((list) => list.get(name)[4])), file]);
  };

  const parse = Search._parseQuery;
  Search._parseQuery = (query) => {
    const parsed = parse(fold(query));
    parsed[0] = query;
    // What Sphinx marks on the page a reader goes to, wherever it stands: no short word, which is part of many others.
    const words = units(query).filter((word) => word.length > (HAN.test(word) ? 1 : 4));
    localStorage.setItem("sphinx_highlight_terms", words.join(" "));
    return parsed;
  };

  Search.query = async (query) => {
    const results = Search._performSearch(...Search._parseQuery(query)).reverse(); // Sphinx takes them from the end
    const anchors = (page) => results.filter(([name]) => name === page).map(([, , anchor]) => anchor).filter(Boolean);
    const shown = results.map((result) => show(result, query, result[2] ? [] : anchors(result[0])));
    // What is called so comes first, then pages with the whole phrase. A slow connection is not waited for long, since
    // the order must not change under the reader's hand.
    await Promise.race([Promise.all(shown.map(({ read }) => read)), new Promise((done) => setTimeout(done, 1000))]);
    const kept = shown.filter(({ rank }) => rank >= 0).sort((one, other) => other.rank - one.rank);
    Search.output.append(...kept.map(({ item }) => item));
    _finishSearch(kept.length);
  };
  Search.readable = readable;
})();
