// A button that may be pressed again only after a while (a one-time code): it says how long yet.
(() => {
  'use strict';
  const ends = new WeakMap();
  function tick() {
    document.querySelectorAll('[data-wait]').forEach(button => {
      const known = ends.get(button), said = `${button.dataset.wait} ${button.dataset.sent}`;
      if (!known || known.said !== said) { // the same seconds of another code count anew
        ends.set(button, { said, at: Date.now() + Number(button.dataset.wait) * 1000 });
      }
      const left = Math.max(0, Math.ceil((ends.get(button).at - Date.now()) / 1000));
      button.disabled = left > 0;
      const clock = button.querySelector('[data-wait-left]');
      if (clock) clock.textContent = left > 0 ? ` ${left} s` : '';
    });
  }
  setInterval(tick, 500);
  addEventListener('DOMContentLoaded', tick);
  document.addEventListener('htmx:after:swap', tick);
})();
