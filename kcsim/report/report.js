"use strict";
(() => {
  const $ = (name, parent = document) => parent.querySelector(name);
  const all = (name, parent = document) => [...parent.querySelectorAll(name)];
  const NS = "http://www.w3.org/2000/svg";
  const make = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // The theme: as the reader's system says, until asked otherwise.
  const theme = make("button", { class: "theme", type: "button" }, "Light or dark");
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  $("header").append(theme);

  // Paper has no folds.
  let folded = [];
  addEventListener("beforeprint", () => { folded = all("details:not([open])"); folded.forEach((each) => { each.open = true; }); });
  addEventListener("afterprint", () => { folded.forEach((each) => { each.open = false; }); });

  // A link into something folded unfolds it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const fold = target && target.closest("details");
    if (fold && !fold.open) { fold.open = true; target.scrollIntoView({ block: "center" }); }
  };
  addEventListener("hashchange", reveal);
  reveal();

  const figure = $("#lanes-figure");
  if (!figure) return;
  const svg = $("svg", figure), end = Number(figure.dataset.end) || 1;
  const LABEL = 92, RIGHT = 16, WIDTH = svg.viewBox.baseVal.width, SPAN = WIDTH - LABEL - RIGHT;
  const view = { a: 0, b: end };
  const shapes = all("[data-a]", svg).map((node) => {
    const title = $("title", node);
    if (title) { node.dataset.hover = title.textContent; title.remove(); }
    const a = Number(node.dataset.a), b = "b" in node.dataset ? Number(node.dataset.b) : null;
    return { node, a, b, width: Number(node.getAttribute("width")), link: node.closest("a") };
  });
  const x = (time, { a, b } = view) => LABEL + (SPAN * (time - a)) / (b - a);
  const time = (at, { a, b } = view) => a + ((at - LABEL) * (b - a)) / SPAN;
  const clip = (at) => Math.min(LABEL + SPAN, Math.max(LABEL, at));
  const say = (seconds) => {
    const whole = Math.round(seconds * 10) / 10, h = Math.floor(whole / 3600), m = Math.floor((whole % 3600) / 60);
    const s = Math.round((whole % 60) * 10) / 10;
    return [h && `${h}h`, m && `${m}m`, (s || !(h || m)) && `${s}s`].filter(Boolean).join("");
  };
  const STEPS = [0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800];

  const ruler = () => {
    const group = $(".ticks", svg), base = 46, span = view.b - view.a;
    group.replaceChildren();
    const step = STEPS.find((each) => each * SPAN >= 76 * span) || 604800;
    for (let at = Math.ceil(view.a / step) * step; at <= view.b + 1e-9; at += step) {
      const line = document.createElementNS(NS, "line"), text = document.createElementNS(NS, "text"), place = x(at);
      for (const [key, value] of [["x1", place], ["x2", place], ["y1", base], ["y2", svg.viewBox.baseVal.height - 8]]) line.setAttribute(key, value);
      line.setAttribute("class", "rule");
      text.setAttribute("x", place); text.setAttribute("y", base - 4); text.setAttribute("class", "soft");
      text.setAttribute("text-anchor", place > WIDTH - 2 * RIGHT ? "end" : "middle");
      text.textContent = say(at);
      group.append(line, text);
    }
  };
  const draw = () => {
    const whole = { a: 0, b: end };
    for (const { node, a, b, width } of shapes) {
      const hidden = (b === null ? a : b) < view.a || a > view.b;
      node.style.display = hidden ? "none" : "";
      if (hidden) continue;
      if (b === null) {
        node.setAttribute("transform", `translate(${x(a) - x(a, whole)} 0)`);
      } else {
        const left = clip(x(a)), least = Math.min(width, 2);
        node.setAttribute("x", left);
        node.setAttribute("width", Math.max(least, clip(x(b)) - left));
      }
    }
    ruler();
    shown.value = `${say(view.a)} to ${say(view.b)}`;
  };
  const show = (a, b) => {
    const least = Math.min(end, 1), span = Math.min(end, Math.max(least, b - a));
    view.a = Math.min(Math.max(0, a), end - span);
    view.b = view.a + span;
    draw();
  };
  const zoom = (by, around = (view.a + view.b) / 2) =>
    show(around - (around - view.a) * by, around + (view.b - around) * by);
  const move = (share) => { const by = (view.b - view.a) * share; show(view.a + by, view.b + by); };

  // The tools.
  const shown = make("output", { "aria-live": "polite" });
  const button = (text, label, act) => {
    const made = make("button", { type: "button", "aria-label": label, title: label }, text);
    made.addEventListener("click", act);
    return made;
  };
  const tools = make("div", { class: "tools", role: "toolbar", "aria-label": "Timeline" },
    button("+", "Zoom in", () => zoom(0.5)), button("−", "Zoom out", () => zoom(2)),
    button("←", "Earlier", () => move(-0.25)), button("→", "Later", () => move(0.25)),
    button("Whole", "The whole story", () => show(0, end)),
    button("◂ moment", "Previous moment", () => step(-1)), button("moment ▸", "Next moment", () => step(1)), shown);
  const keys = make("p", { class: "hint" });
  keys.append("Drag over the lanes to zoom in, double-click for the whole. Keys: ");
  for (const [key, text] of [["+", " "], ["−", " zoom, "], ["←", " "], ["→", " move, "], [",", " "], [".", " step from moment to moment, "], ["0", " all."]]) keys.append(make("kbd", {}, key), text);
  figure.prepend(tools);
  figure.append(keys);
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-label", "Timeline: zoom with plus and minus, move with the arrows, step with comma and full stop");

  // What is under the pointer, or stepped to.
  const card = make("div", { class: "card", role: "status", hidden: "" });
  figure.append(card);
  const tell = (node) => {
    card.hidden = false;
    card.textContent = node.dataset.hover;
    const box = node.getBoundingClientRect(), home = figure.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left - home.left + 12), home.width - card.offsetWidth - 8);
    const below = box.bottom - home.top + 8;
    card.style.left = `${left}px`;
    card.style.top = `${below + card.offsetHeight > home.height ? box.top - home.top - card.offsetHeight - 8 : below}px`;
  };
  svg.addEventListener("pointerover", (event) => {
    const node = event.target.closest("[data-hover]");
    if (node) tell(node); else card.hidden = true;
  });
  svg.addEventListener("pointerleave", () => { card.hidden = true; });

  // From moment to moment.
  const moments = shapes.filter((each) => each.link).sort((one, other) => one.a - other.a);
  let at = -1;
  const step = (by) => {
    if (!moments.length) return;
    if (moments[at]) moments[at].node.classList.remove("on");
    all("tr.on").forEach((row) => row.classList.remove("on"));
    at = Math.min(moments.length - 1, Math.max(0, at + by));
    const moment = moments[at];
    if (moment.a < view.a || moment.a > view.b) { const half = (view.b - view.a) / 2; show(moment.a - half, moment.a + half); }
    moment.node.classList.add("on");
    tell(moment.node);
    const row = document.getElementById(moment.link.getAttribute("href").slice(1));
    if (row) row.classList.add("on");
  };

  figure.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => show(0, end), "Home": () => show(0, view.b - view.a),
      "End": () => show(end - (view.b - view.a), end), "ArrowLeft": () => move(-0.25), "ArrowRight": () => move(0.25),
      ",": () => step(-1), ".": () => step(1), "Escape": () => { card.hidden = true; },
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // A stretch that is dragged over is shown.
  const here = (event) => clip(((event.clientX - svg.getBoundingClientRect().left) * WIDTH) / svg.getBoundingClientRect().width);
  let from = null, range = null;
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0) from = here(event); });
  svg.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(here(event) - from) < 6) return;
    if (!range) {
      range = document.createElementNS(NS, "rect");
      range.setAttribute("class", "range"); range.setAttribute("y", 40); range.setAttribute("height", svg.viewBox.baseVal.height - 48);
      svg.append(range);
    }
    event.preventDefault();
    range.setAttribute("x", Math.min(from, here(event))); range.setAttribute("width", Math.abs(here(event) - from));
  });
  addEventListener("pointerup", (event) => {
    if (from !== null && range) {
      const [a, b] = [time(from), time(here(event))].sort((one, other) => one - other);
      range.remove(); range = null;
      show(a, b);
      svg.addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
      setTimeout(() => svg.dispatchEvent(new MouseEvent("click", { cancelable: true })), 0);
    }
    from = null;
  });
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("dblclick", () => show(0, end));
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    zoom((event.deltaY || event.deltaX) < 0 ? 0.8 : 1.25, time(here(event)));
  }, { passive: false });

  // Lanes of the table that are not wanted.
  const fold = $("#moments"), names = [...new Set(all("tr[data-lane]", fold).map((row) => row.dataset.lane))];
  if (names.length > 1) {
    const filter = make("div", { class: "tools", role: "group", "aria-label": "Lanes shown in the table" });
    for (const name of names) {
      const made = make("button", { type: "button", "aria-pressed": "true" }, name);
      made.addEventListener("click", () => {
        const on = made.getAttribute("aria-pressed") === "false";
        made.setAttribute("aria-pressed", String(on));
        all(`tr[data-lane="${name}"]`, fold).forEach((row) => { row.hidden = !on; });
      });
      filter.append(made);
    }
    $("summary", fold).after(filter);
  }
  draw();
})();
