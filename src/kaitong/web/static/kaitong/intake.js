// The counter's page: what is typed is kept by itself, and the port's countdown runs.
(() => {
  const $ = (s, el = document) => el.querySelector(s);
  const keep = () => $('#keeper')?.dispatchEvent(new CustomEvent('ktkeep', { bubbles: false }));
  let timer = 0, hold = null, end = 0;
  const later = wait => { clearTimeout(timer); timer = setTimeout(keep, wait); };
  const ours = e => e.target.form?.id === 'intake' && e.target.name && !['q', 'rename_reason', 'ending'].includes(e.target.name);

  document.addEventListener('change', e => { if (ours(e)) later(60); });
  // a customer is found while his telephone or name is typed
  document.addEventListener('input', e => { if (ours(e) && ['phone', 'name'].includes(e.target.name)) later(450); });
  document.addEventListener('submit', e => { if (e.target.id === 'intake') clearTimeout(timer); });

  // an answer that comes while somebody types must not take back what was typed since
  let typing = null;
  document.addEventListener('htmx:before:swap', () => {
    const el = document.activeElement;
    typing = el?.form?.id === 'intake' && el.matches('input:not([type=radio], [type=checkbox])') ? { id: el.id, value: el.value } : null;
  });
  document.addEventListener('htmx:after:swap', () => {
    const el = typing && document.getElementById(typing.id);
    if (el && el === document.activeElement && el.value !== typing.value) { el.value = typing.value; later(450); }
    typing = null;
    count();
  });

  // ---- the countdown -----------------------------------------------------------------------------
  function count() {
    const box = $('[data-hold]');
    if (!box) { hold = null; return; }
    if (hold !== box || box.dataset.hold !== box.dataset.seen) {
      hold = box;
      box.dataset.seen = box.dataset.hold;
      end = Date.now() + Number(box.dataset.hold) * 1000;
    }
    paint();
  }
  function paint() {
    if (!hold?.isConnected) return;
    const left = Math.max(0, Math.round((end - Date.now()) / 1000));
    const clock = $('[data-left]', hold), bar = $('progress', hold);
    if (clock) clock.textContent = `${String(left / 60 | 0).padStart(2, '0')}:${String(left % 60).padStart(2, '0')}`;
    if (bar) bar.value = left;
    hold.classList.toggle('is-soon', left <= 120);
    if (left === 0) { hold = null; keep(); }  // the page then says that the port is gone
  }
  setInterval(paint, 1000);
  addEventListener('DOMContentLoaded', count);
})();
