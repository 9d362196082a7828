"use strict";
// The hall's tablet and board: printing a number, and a clock that goes on.
(() => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
  const away = (yes) => { for (const one of document.querySelectorAll("[data-away]")) one.hidden = !yes; };
  // The board: what stands there is old while nobody answers.
  if (document.getElementById("board")) {
    document.addEventListener("htmx:error", () => away(true));
    document.addEventListener("htmx:after:request", () => away(false));
  }
  // The tablet: a number is asked for from the page that stays when there is no network. Its key
  // stays, too, so that asked again the number that was taken comes, and not another.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-stay]");
    if (!form) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form, event.submitter)),
        signal: AbortSignal.timeout(15000),
      });
      if (answer.redirected) {
        location.assign(answer.url);
        return;
      }
      const told = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = told.getElementById("main");
      if (main) document.getElementById("main").replaceWith(main);
      else location.reload();
    } catch {
      away(true);
    }
    form.removeAttribute("aria-busy");
  });
  const clock = document.querySelector("[data-clock]");
  if (clock) {
    const two = (n) => String(n).padStart(2, "0");
    setInterval(() => {
      const at = new Date();
      clock.textContent = `${two(at.getHours())}:${two(at.getMinutes())}`;
    }, 5000);
  }
})();
