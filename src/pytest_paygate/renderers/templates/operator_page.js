"use strict";
// Looks again every two seconds. It sends nothing: answers are plain forms.
(() => {
  const EVERY_MS = 2000;
  const part = (name) => document.getElementById(name);
  const question = part("question");
  const last = {};
  let ends = 0, submitted = false, over = false;

  const clock = (left) => {
    ends = left === null ? 0 : performance.now() + left * 1000;
  };
  const tick = () => {
    const shown = part("left");
    if (!shown || !ends) return;
    const seconds = Math.max(0, Math.floor((ends - performance.now()) / 1000));
    shown.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  const replace = (name, html) => {
    if (last[name] === html) return;
    // The first look only learns what stands there already.
    if (name in last || part(name).innerHTML.trim() !== html.trim()) part(name).innerHTML = html;
    last[name] = html;
  };
  const renew = (now) => {
    if (question.dataset.key !== now.key) {
      question.dataset.key = now.key;
      question.innerHTML = now.parts.question;
      part("announced").textContent = question.querySelector("h2").textContent;
      if (now.form) question.focus();
    } else if (now.form) {
      for (const input of document.querySelectorAll("input[name=form]")) input.value = now.form;
    }
  };
  const look = async () => {
    if (submitted || over) return;
    try {
      const answer = await fetch("now", { cache: "no-store", credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const now = await answer.json();
      if (submitted) return;
      document.title = now.title;
      clock(now.left);
      for (const name of ["head", "told", "waits", "gates"]) replace(name, now.parts[name]);
      renew(now);
      part("drawn").textContent = now.over ? "The session has ended; this page stays as it is." : "This page looks again by itself.";
      part("drawn").className = "";
      over = now.over;
    } catch {
      part("drawn").textContent = "The run cannot be reached from this page: look at the terminal.";
      part("drawn").className = "stale";
    }
  };

  document.addEventListener("submit", () => { submitted = true; });
  // Back from the browser's memory: what stands here is old.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  const left = part("left");
  clock(left ? Number(left.dataset.left) : null);
  setInterval(tick, 500);
  setInterval(look, EVERY_MS);
  look();
})();
