// The script of the console: live parts, times in the viewer's zone. Every page works without it.
"use strict";

// localTimes shows each time in the viewer's zone, with UTC beside it.
function localTimes(root) {
  for (const at of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(at.dateTime);
    if (isNaN(moment)) continue;
    at.dataset.local = "";
    const utc = document.createElement("span");
    utc.className = "utc";
    utc.textContent = at.textContent;
    const local = moment.toLocaleString(document.documentElement.lang, {
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
    });
    at.replaceChildren(local, " ", utc);
  }
}

// live keeps the part [data-live] of a page up to date. The page's own address answers events
// with the part's new text, which the server has escaped. A part that holds the focus waits.
function live(part) {
  let source;
  const open = () => {
    source = new EventSource(part.dataset.live || location.href);
    source.onmessage = (event) => {
      const draft = document.createElement("template");
      draft.innerHTML = event.data;
      localTimes(draft.content);
      if (part.contains(document.activeElement)) return;
      part.replaceChildren(draft.content);
      part.dispatchEvent(new CustomEvent("live", { bubbles: true }));
    };
    source.onerror = () => part.classList.add("stale");
    source.onopen = () => part.classList.remove("stale");
  };
  // A browser has six connections to a server: tabs that nobody looks at give theirs back.
  const watch = () => {
    source?.close();
    if (!document.hidden) open();
  };
  document.addEventListener("visibilitychange", watch);
  watch();
}

localTimes(document);
document.querySelectorAll("[data-live]").forEach(live);

// Workbench: line numbers, messages beside their lines, and an answer to each change.
function workbench(form) {
  const area = form.querySelector("textarea");
  const numbers = form.querySelector(".wb-lines"), marks = form.querySelector(".wb-marks");
  const found = document.getElementById("wb-found"), nights = document.getElementById("wb-nights");
  let count = 0, asking, timer;
  const number = () => {
    const n = area.value.split("\n").length;
    if (n !== count) numbers.textContent = Array.from({ length: (count = n) }, (_, i) => i + 1).join("\n");
  };
  const scroll = () => {
    numbers.scrollTop = marks.scrollTop = area.scrollTop;
    marks.scrollLeft = area.scrollLeft;
  };
  const beside = (list) => {
    const lines = area.value.split("\n"), parts = [];
    let at = 1;
    for (const m of list) {
      if (m.line < at || m.line > lines.length) continue;
      const message = document.createElement("span");
      message.textContent = "← " + m.text.split("\n")[0].slice(0, 200);
      parts.push("\n".repeat(m.line - at) + lines[m.line - 1], message, "\n");
      at = m.line + 1;
    }
    marks.replaceChildren(...parts, "\n".repeat(Math.max(0, lines.length - at + 2)));
    scroll();
  };
  const ask = async (path) => {
    const body = new URLSearchParams({ of: form.elements.of.value, text: area.value });
    const answer = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" }, signal: asking.signal });
    if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
    return answer.json();
  };
  const put = (place, html) => {
    place.innerHTML = html; // the server escaped it
    localTimes(place);
  };
  const check = async () => {
    asking?.abort();
    asking = new AbortController();
    const mine = asking;
    found.setAttribute("aria-busy", "true");
    try {
      const answer = await ask("/workbench/check");
      put(found, answer.html);
      beside(answer.marks);
      found.removeAttribute("aria-busy");
      if (answer.again) timer = setTimeout(check, 1000);
      if (!answer.nights) nights.replaceChildren();
      else put(nights, (await ask("/workbench/nights")).html);
    } catch (fault) {
      if (mine.signal.aborted) return;
      found.removeAttribute("aria-busy");
      found.textContent = String(fault);
    }
  };
  area.addEventListener("input", () => {
    number();
    marks.replaceChildren();
    clearTimeout(timer);
    asking?.abort();
    timer = setTimeout(check, 400);
  });
  area.addEventListener("scroll", scroll);
  found.addEventListener("click", (event) => {
    const line = Number(event.target.dataset?.line);
    if (!line) return;
    const from = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(from, from);
    area.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(area).lineHeight));
  });
  number();
  check();
}

document.querySelectorAll("form[data-workbench]").forEach(workbench);

// Local cloud: files that are dropped are chosen, and sent as the form sends them.
for (const drop of document.querySelectorAll(".cloud-drop")) {
  const files = drop.querySelector("input[type=file]");
  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  drop.addEventListener("dragover", over(true));
  drop.addEventListener("dragleave", over(false));
  drop.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    files.files = event.dataTransfer.files;
    files.form.requestSubmit();
  });
}
