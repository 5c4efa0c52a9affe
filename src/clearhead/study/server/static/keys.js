"use strict";
// Everything works without this file. With it: keys choose, drafts survive a reload, a second click is ignored.
(() => {
  const form = document.querySelector("form[data-task]");
  if (!form) return;
  const draft = "draft:" + form.dataset.task;
  const fields = () => [...form.elements].filter((e) => e.name && !["hidden", "submit"].includes(e.type));
  const saved = JSON.parse(sessionStorage.getItem(draft) || "null");
  if (saved && !fields().some((e) => e.checked)) {
    for (const e of fields()) {
      if (e.type === "text") e.value = saved[e.name] || e.value;
      else e.checked = (saved[e.name] || []).includes(e.value);
    }
  }
  form.addEventListener("input", () => {
    const now = {};
    for (const e of fields()) {
      if (e.type === "text") now[e.name] = e.value;
      else if (e.checked) (now[e.name] = now[e.name] || []).push(e.value);
    }
    sessionStorage.setItem(draft, JSON.stringify(now));
  });
  const started = performance.now();
  let blurs = 0;
  window.addEventListener("blur", () => { blurs += 1; });
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) { event.preventDefault(); return; }
    sent = true;
    if ("timing" in form.dataset) {
      form.elements.seconds.value = ((performance.now() - started) / 1000).toFixed(1);
      form.elements.blurs.value = String(blurs);
    }
    sessionStorage.removeItem(draft);
  });
  window.addEventListener("pageshow", () => { sent = false; });
  const press = (selector) => {
    const input = form.querySelector(selector);
    if (!input) return;
    if (input.type === "checkbox") input.checked = !input.checked; else input.checked = true;
    input.focus();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.type === "text") return;
    const key = event.key.toLowerCase();
    if (/^[0-3]$/.test(key)) press(`input[name="confidence"][value="${key}"]`);
    else if (/^[a-j]$/.test(key)) press(`input[name="choice"][value="${key}"], input[name="matches"][value="${key}"]`);
    else if (key === "y" || key === "n") press(`input[name="pattern"][value="${key === "y" ? "yes" : "no"}"]`);
  });
})();
