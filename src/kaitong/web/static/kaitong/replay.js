// The replay of an instance: tokens move along the flows taken; the list beside it says the same.
(() => {
  const $ = (s, el = document) => el.querySelector(s);
  const $$ = (s, el = document) => [...el.querySelectorAll(s)];
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const SVG = 'http://www.w3.org/2000/svg';
  const MARKS = ['kt-n-done', 'kt-n-you', 'kt-n-late', 'kt-n-wait', 'kt-n-next'];
  const frames = () => { try { return JSON.parse($('#replay')?.textContent || '[]'); } catch { return []; } };
  const all = frames();
  let at = Number($('#lines')?.dataset.start || 0), island = null, playing = 0, moving = 0;

  const speed = () => Number($('#speed')?.value || 1);
  const shown = i => { const li = $(`#lines li[data-i="${i}"]`); return li && li.offsetParent !== null; };

  function paint() {
    const { canvas, registry, overlays } = island, frame = all[at];
    if (!frame) return;
    const done = new Set(), flows = new Set(), gone = new Set(), failed = new Set();
    for (let i = 0; i <= at; i++) {
      const f = all[i];
      if (f.done) { done.add(f.done); gone.delete(f.done); failed.delete(f.done); }
      if (f.gone) { gone.add(f.gone); failed.delete(f.gone); }
      if (f.flow) flows.add(f.flow);
      if (f.failed) failed.add(f.failed);
    }
    const here = {};
    for (const node of frame.tokens) here[node] = (here[node] || 0) + 1;
    overlays.remove({ type: 'kt' });
    registry.forEach(e => {
      if (!e.parent || e.labelTarget || e.type === 'bpmn:Lane' || e.type === 'bpmn:Participant') return;
      if (e.waypoints) {
        canvas.removeMarker(e.id, flows.has(e.id) ? 'kt-n-path' : 'kt-n-taken');
        canvas.addMarker(e.id, flows.has(e.id) ? 'kt-n-taken' : 'kt-n-path');
        return;
      }
      MARKS.forEach(m => canvas.removeMarker(e.id, m));
      const mark = here[e.id] ? (failed.has(e.id) ? 'late' : 'you') : gone.has(e.id) ? 'wait' : done.has(e.id) ? 'done' : 'next';
      canvas.addMarker(e.id, `kt-n-${mark}`);
    });
    island.el.dataset.here = frame.tokens[0] || '';
    if (frame.tokens.length) island.seen(frame.tokens[0]);
    for (const [node, n] of Object.entries(here)) {
      if (!registry.get(node)) continue;
      const d = document.createElement('div');
      d.className = 'kt-token';
      d.textContent = n > 1 ? String(n) : '';
      overlays.add(node, 'kt', { position: { top: -8, right: 10 }, scale: false, html: d });
    }
  }

  // a token on its way: a dot along the flow's own line
  function travel(flow, then) {
    cancelAnimationFrame(moving);
    const layer = island && island.canvas.getLayer('kt-replay', 100);
    layer?.replaceChildren();
    const line = flow && island?.registry.get(flow);
    if (!line?.waypoints || still.matches || !playing) { then(); return; }
    const points = line.waypoints, parts = [];
    let whole = 0;
    for (let i = 1; i < points.length; i++) {
      const long = Math.hypot(points[i].x - points[i - 1].x, points[i].y - points[i - 1].y);
      parts.push(long);
      whole += long;
    }
    const dot = document.createElementNS(SVG, 'circle');
    dot.setAttribute('r', '8');
    dot.setAttribute('class', 'kt-traveller');
    layer.append(dot);
    const took = Math.min(900, 250 + whole * 1.2) / speed();
    let began = 0;
    const step = now => {
      began ||= now;
      const share = Math.min(1, (now - began) / took);
      let left = share * whole, i = 0;
      while (i < parts.length - 1 && left > parts[i]) { left -= parts[i]; i += 1; }
      const part = parts[i] ? left / parts[i] : 0, a = points[i], b = points[i + 1];
      dot.setAttribute('cx', String(a.x + (b.x - a.x) * part));
      dot.setAttribute('cy', String(a.y + (b.y - a.y) * part));
      if (share < 1) { moving = requestAnimationFrame(step); return; }
      dot.remove();
      then();
    };
    moving = requestAnimationFrame(step);
  }

  function tell() {
    const frame = all[at];
    if (!frame) return;
    $('#slider').value = String(at);
    $('#slider').setAttribute('aria-valuetext', `${frame.at} ${frame.text}`);
    $('#clock').textContent = frame.at;
    $('#said').textContent = frame.who ? `${frame.text} — ${frame.who}` : frame.text;
    const box = $('#lines');
    $$('li[aria-current]', box).forEach(li => li.removeAttribute('aria-current'));
    const line = $(`li[data-i="${at}"]`, box);
    line?.setAttribute('aria-current', 'step');
    if (line && box.scrollHeight > box.clientHeight) {
      const top = line.offsetTop - box.offsetTop;
      if (top < box.scrollTop || top + line.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
    }
    const url = new URL(location.href);
    url.searchParams.set('at', String(frame.seq));
    history.replaceState(null, '', url);
  }

  function go(to, then = () => {}) {
    at = Math.max(0, Math.min(all.length - 1, to));
    tell();
    if (!island) { then(); return; }
    travel(all[at].flow, () => { paint(); then(); });
  }
  // the next line that is in the list as it is sifted
  function near(step) {
    let to = at + step;
    while (to > 0 && to < all.length - 1 && !shown(to)) to += step;
    return to;
  }
  function stop() {
    clearTimeout(playing);
    playing = 0;
    cancelAnimationFrame(moving);
    island?.canvas.getLayer('kt-replay', 100).replaceChildren();
    if (island) paint();
    look();
  }
  function look() {
    const button = $('[data-play=toggle]');
    button.setAttribute('aria-pressed', String(Boolean(playing)));
    $('[data-when-still]', button).hidden = Boolean(playing);
    $('[data-when-playing]', button).hidden = !playing;
  }
  function run() {
    if (at >= all.length - 1) { stop(); return; }
    const flow = all[at + 1].flow;
    go(at + 1, () => { if (playing) playing = setTimeout(run, (flow || !shown(at) ? 120 : 700) / speed()); });
  }
  const play = {
    toggle() {
      if (playing) { stop(); return; }
      if (at >= all.length - 1) { at = 0; tell(); if (island) paint(); }
      playing = setTimeout(run, 200);
      look();
    },
    first() { stop(); go(0); }, last() { stop(); go(all.length - 1); },
    back() { stop(); go(near(-1)); }, next() { stop(); go(near(1)); },
  };

  document.addEventListener('ktpaint', e => { island = e.detail; paint(); });
  document.addEventListener('DOMContentLoaded', () => {
    if (!all.length) return;
    $('#player').hidden = false;
    $('#replay-bar').hidden = false;
    tell();
    $('#player').addEventListener('click', e => play[e.target.closest('[data-play]')?.dataset.play]?.());
    $('#slider').addEventListener('input', e => { stop(); go(Number(e.target.value)); });
    $('#quiet').addEventListener('change', e => $('#lines').classList.toggle('is-quiet', e.target.checked));
    $('#lines').addEventListener('click', e => {
      const line = e.target.closest('li[data-i]');
      if (!line || e.target.closest('.kt-into')) return;
      e.preventDefault();
      stop();
      go(Number(line.dataset.i));
    });
    document.addEventListener('keydown', e => {
      if (e.target.closest('input[type=search], textarea, select, dialog') || e.ctrlKey || e.metaKey || e.altKey) return;
      const act = { ' ': 'toggle', ArrowLeft: 'back', ArrowRight: 'next', Home: 'first', End: 'last' }[e.key];
      if (!act || (e.key === ' ' && e.target.closest('button, a, summary, input[type=checkbox]'))) return;
      if (e.target.id === 'slider' && e.key !== ' ') return; // the slider moves by itself
      e.preventDefault();
      play[act]();
    });
  });
})();
