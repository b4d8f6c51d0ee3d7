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
