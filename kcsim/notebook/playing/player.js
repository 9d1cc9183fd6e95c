// The player's face. It draws what `state` says and asks the kernel for more by setting `asked`; the past is all there, so
// scrubbing through it asks nobody. Without a kernel that answers it says so, and the past can still be looked at.
const PATIENCE = 20000; // ms that a kernel may take to answer
const SOON = 40; // ms of play that are asked for ahead of time

const make = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
};

// The last of rows that begin with a time, at or before an instant.
const upTo = (rows, time) => {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= time + 1e-9) low = middle + 1; else high = middle;
  }
  return low;
};

function render({ model, el }) {
  const settings = model.get("settings");
  let state = model.get("state");
  let head = state.now, playing = false, waiting = 0, counter = state.answered, patience = 0, frame = 0, last = 0, problem = "";
  let wanted = null; // where the slider is being dragged to

  const button = (text, label, act) => {
    const made = make("button", { type: "button", title: label, "aria-label": label }, text);
    made.addEventListener("click", act);
    return made;
  };
  const option = (value, text, title = "") => make("option", { value, title }, text);
  const play = button("▶", "Play", () => (playing ? stop() : start()));
  const back = button("|◀", "To the moment before", () => { stop(); jump(-1); });
  const next = button("▶|", "To the next change", () => { stop(); jump(1); });
  const slider = make("input", { type: "range", min: 0, step: "any", "aria-label": "Virtual time" });
  const speed = make("select", { "aria-label": "Speed" }, ...settings.speeds.map((each) => option(each, `${each}×`)));
  const time = make("output", { class: "time" });
  const kind = make("select", { "aria-label": "Fault" }, ...settings.faults.map(([name, what]) => option(name, name, what)));
  const target = make("input", { type: "text", size: 18, "aria-label": "What it hits" });
  const lasts = make("input", { type: "text", size: 5, placeholder: "for good", "aria-label": "How long, like 2m" });
  const put = button("Put in", "Put the fault in at this instant", inject);
  const said = make("div", { class: "said", role: "status", "aria-live": "polite" });
  const lanes = make("div", { class: "lanes" });
  const workloads = make("div", { class: "workloads" });
  const moments = make("ol", { class: "moments" });
  speed.value = String(settings.speed);
  const explain = () => { target.placeholder = settings.faults[kind.selectedIndex]?.[2] || "no target"; };
  kind.addEventListener("change", explain);
  explain();
  el.classList.add("kcsim-player");
  el.append(
    make("div", { class: "bar" }, back, play, next, slider, time, speed),
    lanes,
    make("div", { class: "below" }, workloads, moments),
    make("div", { class: "bar" }, kind, target, lasts, put),
    said,
  );

  let needle = null;
  function draw() { // all that the kernel said
    lanes.innerHTML = state.svg; // made and escaped by kcsim.views.svg
    const svg = lanes.querySelector("svg");
    needle = document.createElementNS("http://www.w3.org/2000/svg", "line");
    needle.setAttribute("class", "line ink needle");
    needle.setAttribute("y1", 34);
    needle.setAttribute("y2", svg.getAttribute("height"));
    svg.append(needle);
    slider.max = state.end;
    show();
  }

  function show() { // how things stood at the playhead
    const [left, width] = state.span, x = left + (width * Math.min(head, state.end)) / (state.end || 1);
    needle.setAttribute("x1", x);
    needle.setAttribute("x2", x);
    slider.value = wanted ?? head;
    slider.setAttribute("aria-valuetext", clock(head));
    time.value = `${clock(head)} of ${clock(state.end)}`;
    play.textContent = playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    const frame = state.frames[upTo(state.frames, head) - 1];
    workloads.replaceChildren(frame && frame[1].length
      ? make("table", {}, ...frame[1].map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell)))))
      : make("p", {}, "no workloads yet"));
    const seen = upTo(state.moments, head);
    moments.replaceChildren(...state.moments.slice(Math.max(0, seen - 6), seen).map(([when, lane, text]) =>
      make("li", {}, make("span", {}, `${clock(when)} ${lane}`), ` ${text}`)));
    said.textContent = problem || state.said;
    said.classList.toggle("wrong", Boolean(problem) || state.wrong);
    put.disabled = waiting !== 0;
  }

  function ask(what) {
    if (waiting) return;
    waiting = counter += 1;
    problem = "";
    patience = setTimeout(() => {
      waiting = 0;
      problem = "No answer from Python: the kernel is busy or gone. Run the cell again to play on; the past can be looked at.";
      stop();
    }, PATIENCE);
    model.set("asked", { ...what, n: waiting });
    model.save_changes();
  }

  function answered() {
    state = model.get("state");
    if (state.answered !== waiting) { // another view of the same player asked
      counter = Math.max(counter, state.answered);
    } else {
      waiting = 0;
      clearTimeout(patience);
      if (!playing) head = state.wrong ? head : state.now;
      if (state.wrong) playing = false;
    }
    head = Math.min(head, state.now);
    draw();
  }

  function jump(way) {
    const seen = upTo(state.moments, head);
    if (way < 0) {
      const before = state.moments.slice(0, seen).filter(([when]) => when < head - 1e-9).pop();
      head = before ? before[0] : 0;
    } else if (head < state.now - 1e-9) {
      head = seen < state.moments.length ? state.moments[seen][0] : state.now;
    } else {
      return ask({ do: "step" });
    }
    show();
  }

  function start() {
    if (head >= state.end - 1e-9) head = 0; // once more from the beginning
    playing = true;
    problem = "";
    last = 0;
    frame = requestAnimationFrame(tick);
    show();
  }

  function stop() {
    playing = false;
    cancelAnimationFrame(frame);
    show();
  }

  function tick(stamp) {
    if (!playing) return;
    const passed = last ? Math.min(stamp - last, 250) : 0, rate = Number(speed.value) / 1000;
    last = stamp;
    head = Math.min(head + passed * rate, state.now, state.end);
    if (head >= state.end - 1e-9) return stop();
    if (head + SOON * rate >= state.now) ask({ do: "run", until: Math.min(state.now + 1000 * rate, state.end) });
    show();
    if (playing) frame = requestAnimationFrame(tick);
  }

  slider.addEventListener("input", () => {
    playing = false;
    wanted = Number(slider.value); // may lie beyond the present
    head = Math.min(wanted, state.now);
    show();
  });
  slider.addEventListener("change", () => { // let go beyond the present: play on to there
    const until = wanted;
    wanted = null;
    if (until !== null && until > state.now) ask({ do: "run", until });
    show();
  });

  function inject() {
    stop();
    ask({ do: "inject", kind: kind.value, target: target.value.trim(), duration: lasts.value.trim(), when: Math.min(head, state.now) });
  }

  model.on("change:state", answered);
  draw();
  return () => {
    playing = false;
    clearTimeout(patience);
    model.off("change:state", answered);
  };
}

export default { render };
