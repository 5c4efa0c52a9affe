"use strict";
// The static study: one task at a time from window.STUDY; answers stay in this browser until they are saved as a file.
(() => {
  const study = window.STUDY;
  const main = document.getElementById("main");
  const store = "clearhead:" + study.study;
  const state = JSON.parse(localStorage.getItem(store) || '{"annotator":"","list":0,"at":0,"answers":{}}');
  const keep = () => localStorage.setItem(store, JSON.stringify(state));
  const list = () => study.lists[state.list] || [];
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value); else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };
  const show = (...children) => { main.replaceChildren(...children); window.scrollTo(0, 0); };
  const fields = (form) => {
    const values = {};
    for (const input of form.elements) {
      if (!input.name) continue;
      if (input.type === "checkbox") { if (input.checked) (values[input.name] = values[input.name] || []).push(input.value); }
      else if (input.type === "radio") { if (input.checked) values[input.name] = input.value; }
      else if (input.value.trim()) values[input.name] = input.value.trim();
    }
    if ("confidence" in values) values.confidence = Number(values.confidence);
    return values;
  };
  const problem = (values) => {
    if (!values.choice && !values.pattern && !values.matches) return "nothing is selected; choose, or leave it blank.";
    if (!("confidence" in values)) return "please say how confident you are.";
    if (values.matches && values.matches.length > 1 && !values.best) return "please say which of the two matches better.";
    return "";
  };
  const tidy = (values) => {
    if (values.matches && values.matches.length === 1) values.best = values.matches[0];
    if (values.pattern === "no") for (const name of ["description", "where_a", "where_b"]) delete values[name];
    return values;
  };
  const save = () => {
    const answers = Object.entries(state.answers).map(([task, values]) => ({ task, values }));
    const data = { study: study.study, annotator: state.annotator, answers };
    const link = element("a", { download: `answers-${state.annotator}.json` });
    link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const begin = () => {
    const form = element("form", {},
      element("h1", {}, study.title),
      ...study.consent.split("\n\n").filter(Boolean).map((text) => element("p", {}, text)),
      element("p", {}, element("label", { for: "annotator" }, "Your name or number in this study"),
        element("input", { type: "text", id: "annotator", required: "", maxlength: "64" })),
      ...(study.lists.length > 1 ? [element("p", {}, element("label", { for: "list" }, `Your list (1 to ${study.lists.length})`),
        element("input", { type: "number", id: "list", min: "1", max: String(study.lists.length), value: "1" }))] : []),
      element("p", { class: "actions" }, element("button", { type: "submit" }, "Begin")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      state.annotator = form.querySelector("#annotator").value.trim();
      state.list = Number((form.querySelector("#list") || { value: 1 }).value) - 1;
      keep(); next();
    });
    show(form);
  };
  const next = () => {
    if (!state.annotator) { begin(); return; }
    if (state.at >= list().length) {
      show(element("h1", {}, "Thank you"), element("p", {}, "Please save your answers and send the file back."),
        element("p", { class: "actions" }, element("button", { type: "button", onclick: save }, "Save my answers"),
          element("button", { type: "button", class: "quiet", onclick: () => { state.at -= 1; keep(); next(); } }, "Back")));
      return;
    }
    const task = list()[state.at];
    const form = element("form", {});
    form.innerHTML = study.pages[task];
    const note = element("p", { class: "error", role: "alert", hidden: "" });
    const go = (values) => { state.answers[task] = values; state.at += 1; keep(); next(); };
    form.append(note, element("p", { class: "actions" },
      element("button", { type: "submit" }, "Save and continue"),
      element("button", { type: "button", class: "quiet", onclick: () => go({}) }, "I cannot say: leave blank"),
      ...(state.at ? [element("button", { type: "button", class: "quiet", onclick: () => { state.at -= 1; keep(); next(); } }, "Back")] : [])),
      element("p", { class: "hint" }, `${state.at + 1} of ${list().length}`));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const values = tidy(fields(form));
      const wrong = problem(values);
      if (wrong) { note.hidden = false; note.textContent = "Not saved yet: " + wrong; note.scrollIntoView(); return; }
      go(values);
    });
    const old = state.answers[task] || {};
    for (const input of form.elements) {
      if (!(input.name in old)) continue;
      if (input.type === "text") input.value = old[input.name];
      else input.checked = [].concat(old[input.name]).map(String).includes(input.value);
    }
    show(form);
  };
  next();
})();
