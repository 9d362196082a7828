"use strict";
// The hall's tablet and board: printing a number, and a clock that goes on.
(() => {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
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
