// Kaitong: the few behaviours that need a script. Every page says the same without it.
(() => {
  const root = document.documentElement;
  const $ = (s, el = document) => el.querySelector(s);
  const $$ = (s, el = document) => [...el.querySelectorAll(s)];
  const keep = { get: k => { try { return localStorage.getItem(k); } catch { return null; } },
                 set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* private window */ } } };
  const word = name => document.body.dataset[name] || '';

  // ---- list and drawer -------------------------------------------------------------------------
  let last = '';  // the row under the hand, so that a fresh list keeps it
  const rows = () => $$('.kt-table tbody tr[data-row]');
  const chosen = () => rows().find(r => r.getAttribute('aria-selected') === 'true');
  function select(row, open) {
    if (!row) return;
    rows().forEach(r => r.setAttribute('aria-selected', String(r === row)));
    last = row.dataset.row;
    row.scrollIntoView({ block: 'nearest' });
    if (!open) return;
    if (row.dataset.href) location.assign(row.dataset.href);
    else row.dispatchEvent(new CustomEvent('ktopen', { bubbles: false }));
  }
  function move(step) {
    const list = rows(), at = list.indexOf(chosen());
    select(list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + step))], Boolean($('.kt-list.is-open')));
  }
  function shut() {
    const drawer = $('#drawer');
    if (!drawer || drawer.classList.contains('is-empty')) return;
    drawer.classList.add('is-empty');
    drawer.replaceChildren();
    $('.kt-list')?.classList.remove('is-open');
    const url = new URL(location.href);
    url.searchParams.delete('item');
    history.replaceState(null, '', url);
    chosen()?.focus({ preventScroll: true });
  }
  // a list that refreshes itself must not pull a menu or a choice from under a hand
  function busy() {
    return document.hidden || $('details.kt-menuhost[open]') || $('dialog[open]') || $('input[name=pick]:checked');
  }
  function opened() {
    const drawer = $('#drawer');
    if (!drawer) return;
    const filled = Boolean(drawer.firstElementChild);
    drawer.classList.toggle('is-empty', !filled);
    $('.kt-list')?.classList.toggle('is-open', filled);
    const id = $('[data-item]', drawer)?.dataset.item;
    if (!id && last) rows().forEach(r => r.setAttribute('aria-selected', String(r.dataset.row === last)));
    if (id) {
      last = id;
      rows().forEach(r => r.setAttribute('aria-selected', String(r.dataset.row === id)));
      const url = new URL(location.href);
      url.searchParams.set('item', id);
      history.replaceState(null, '', url);
    }
  }
  // what was focused and is swapped away hands its place to its successor, else to the fault or the
  // head of the part it stood in, so that a keyboard and a screen reader go on from there
  const PARTS = '#drawer, #dialog, #intake, #change, #tabs, #check, #list';
  let place = null, entered = false;
  function hold() {
    const at = document.activeElement;
    place = at && at !== document.body
      ? { id: at.id, row: at.closest('tr[data-row]')?.dataset.row, part: at.closest(PARTS)?.id } : null;
  }
  function focus(el) {
    if (!el) return;
    if (!el.matches('a[href], button, input, select, textarea, summary, [tabindex]')) el.tabIndex = -1;
    el.focus({ preventScroll: true });
  }
  function regain() {
    const was = place;
    place = null;
    if (entered && $('#drawer [data-item]')) { entered = false; focus($('#drawer h2')); return; }
    if (!was || document.activeElement !== document.body) return;
    const part = was.part && document.getElementById(was.part);
    focus((was.id && document.getElementById(was.id))
      || (was.row && $(`tr[data-row="${CSS.escape(was.row)}"]`))
      || (part && ($$('[role=alert]', part).find(el => el.checkVisibility()) || $('h1, h2', part))));
  }
  const hidePops = () => $$('.kt-pop[data-float]:not([hidden])').map(p => {
    p.hidden = true;
    $(`[aria-controls="${p.id}"]`)?.setAttribute('aria-expanded', 'false');
    return p;
  }).length > 0;

  // ---- toasts ----------------------------------------------------------------------------------
  function toast(text, tone = 'late') {
    const host = $('#toasts');
    if (!host) return;
    const box = document.createElement('div');
    box.className = `kt-toast is-${tone}`;
    box.dataset.toast = '';
    const say = document.createElement('span');
    say.textContent = text;
    box.append(say);
    host.append(box);
    age();
  }
  function age() {
    $$('[data-toast]:not([data-aging])').forEach(t => {
      t.dataset.aging = '1';
      setTimeout(() => t.remove(), t.classList.contains('is-late') ? 12000 : 6000);
    });
  }

  const act = {
    fold() {
      const folded = $('.kt').classList.toggle('is-folded');
      keep.set('kt-folded', folded ? '1' : '');
    },
    shut, next: () => move(1), prev: () => move(-1),
    why(el) {
      const p = document.getElementById(el.getAttribute('aria-controls'));
      if (!p) return;
      p.hidden = !p.hidden;
      $$(`[aria-controls="${p.id}"]`).forEach(b => b.setAttribute('aria-expanded', String(!p.hidden)));
    },
    ask(el) {
      const panel = document.getElementById(el.getAttribute('aria-controls'));
      if (!panel) return;
      const show = panel.hidden;
      $$('.kt-ask', panel.parentElement).forEach(p => { p.hidden = true; });
      $$('[data-act=ask]').forEach(b => b.setAttribute('aria-expanded', 'false'));
      panel.hidden = !show;
      el.setAttribute('aria-expanded', String(show));
      if (show) { panel.scrollIntoView({ block: 'nearest' }); $('select, input:not([type=hidden]), textarea', panel)?.focus(); }
    },
    unask(el) { el.closest('.kt-ask').hidden = true; $$('[data-act=ask]').forEach(b => b.setAttribute('aria-expanded', 'false')); },
    untoast(el) { el.closest('[data-toast]').remove(); },
    showpass(el) {
      const field = $('input', el.parentElement), show = field.type === 'password';
      field.type = show ? 'text' : 'password';
      el.setAttribute('aria-pressed', String(show));
    },
    closekeys: () => $('#keys')?.close(),
    closedialog: el => el.closest('dialog')?.close(),
    sift(el) {
      $$('[data-act=sift]', el.parentElement).forEach(b => b.setAttribute('aria-pressed', String(b === el)));
      const want = (el.dataset.kinds || '').split(' ').filter(Boolean);
      const list = $('.kt-time');
      $$('li[data-kind]', list).forEach(li => { li.hidden = want.length > 0 && !want.includes(li.dataset.kind); });
      $$('li.kt-day', list).forEach(day => {
        let li = day.nextElementSibling, any = false;
        for (; li && !li.classList.contains('kt-day'); li = li.nextElementSibling) any ||= !li.hidden;
        day.hidden = !any;
      });
    },
    all(el) { $$('input[name=pick]').forEach(c => { c.checked = el.checked; }); picked(); },
  };
  function picked() {
    const n = $$('input[name=pick]:checked').length;
    const bar = $('[data-bulk]');
    if (!bar) return;
    bar.hidden = n === 0;
    const count = $('[data-bulk-count]', bar);
    if (count) count.textContent = String(n);
  }

  // fields that another answer asks for (`data-when="decision=assign"`): not asked, not sent
  function unsent() {
    $$('[data-when]').forEach(field => {
      $$('input, select, textarea', field).forEach(one => { one.disabled = field.hidden; });
    });
  }
  function asked(input) {
    $$(`[data-when^="${CSS.escape(input.name)}="]`, input.form).forEach(field => {
      field.hidden = !field.dataset.when.slice(input.name.length + 1).split('|').includes(input.value);
    });
    $$(`[data-unless^="${CSS.escape(input.name)}="]`, input.form).forEach(field => {
      field.hidden = field.dataset.unless === `${input.name}=${input.value}`;
    });
    unsent();
  }

  function theme(event) {
    event.preventDefault();
    const value = root.dataset.bsTheme === 'dark' ? 'light' : 'dark';
    root.dataset.bsTheme = value;
    document.cookie = `kt_theme=${value}; path=/; max-age=31536000; samesite=lax`;
  }

  addEventListener('DOMContentLoaded', () => {
    if (keep.get('kt-folded')) $('.kt')?.classList.add('is-folded');
    age();
    unsent();

    document.addEventListener('submit', e => { if (e.target.matches('[data-theme-form]')) theme(e); });
    document.addEventListener('change', e => {
      if (e.target.matches('input[name=pick]')) picked();
      if (e.target.matches('[data-pick-all]')) act.all(e.target);
      if (e.target.form && e.target.name) asked(e.target);
      // what was found and picked is what the box says from now on
      const box = e.target.matches('[id^="found-"] input[type=radio]') && document.getElementById(`f-${e.target.name}`);
      if (box) box.value = e.target.value;
      if (e.target.matches('[data-submit]')) e.target.form.requestSubmit();
    });
    document.addEventListener('click', e => {
      $$('details.kt-menuhost[open]').forEach(d => { if (!d.contains(e.target)) d.open = false; });
      const el = e.target.closest('[data-act]');
      if (el && !el.matches('input')) { e.preventDefault(); act[el.dataset.act]?.(el); return; }
      const row = e.target.closest('tr[data-row]');
      if (row && !e.target.closest('input, a, button, label')) select(row, true);
    });

    document.addEventListener('keydown', e => {
      if ((e.ctrlKey || e.metaKey) && e.key === 'Enter') {
        const main = $('#drawer [data-main]:not([disabled])');
        if (main) { e.preventDefault(); main.click(); }
        return;
      }
      if (e.target.closest('input, textarea, select, dialog')) {
        if (e.key === 'Escape') e.target.blur();
        return;
      }
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key === '/') { e.preventDefault(); const box = $('.kt-search input'); box?.focus(); box?.select(); return; }
      if (e.key === '?') { e.preventDefault(); $('#keys')?.showModal(); return; }
      if (e.key === 'Escape') { if (!hidePops()) shut(); return; }
      if (/^[1-9]$/.test(e.key)) { $$('[data-chip]')[e.key - 1]?.click(); return; }
      if (e.key === 's') { const save = $('[data-save-view]'); if (save) { e.preventDefault(); save.parentElement.open = true; $('input[name=name]', save.parentElement)?.focus(); } return; }
      if (!rows().length) return;
      if (e.key === 'j') move(1);
      else if (e.key === 'k') move(-1);
      else if (e.key === 'Enter' && !e.target.closest('a, button, summary')) { entered = true; select(e.target.closest('tr[data-row]') || chosen() || rows()[0], true); }
      else if (e.key === 'x') $('input[name=pick]', chosen() || rows()[0])?.click();
      else if (e.key === 'c') (chosen() && $('[data-claim]', chosen()) || $('#drawer [data-claim]'))?.click();
    });

    // htmx 4: errors of transport; the page stays as it is
    document.addEventListener('htmx:error', () => toast(word('wordOffline')));
    document.addEventListener('htmx:before:request', e => { if (e.target.id === 'list' && busy()) e.preventDefault(); });
    document.addEventListener('htmx:before:request', e => { if (e.target.closest?.('.kt-drawer')) $('#drawer')?.setAttribute('aria-busy', 'true'); });
    document.addEventListener('htmx:finally:request', () => $('#drawer')?.removeAttribute('aria-busy'));
    document.addEventListener('htmx:before:swap', hold);
    document.addEventListener('htmx:after:swap', () => { opened(); age(); unsent(); picked(); picture(); regain(); $$('#dialog dialog:not([open])').forEach(d => d.showModal()); });
    opened();
    $$('[data-count]').forEach(el => {
      let left = Number(el.dataset.count);
      const paint = () => { el.textContent = `${String(left / 60 | 0).padStart(2, '0')}:${String(left % 60).padStart(2, '0')}`; };
      paint();
      setInterval(() => { if (left > 0) { left -= 1; paint(); } }, 1000);
    });
    picture();
    root.dataset.ready = '1';  // keys and clicks are heard from here on
  });

  // ---- the process picture: an island; the step table beside it says the same when it fails --------
  let island = null;
  const MARKS = ['done', 'you', 'wait', 'late', 'next'];
  const LOOK = { done: 'done', active: 'you', waiting: 'wait', failed: 'late' };
  const live = () => { try { return JSON.parse($('#positions')?.textContent || '{}'); } catch { return {}; } };

  function paint() {
    const { canvas, registry, overlays } = island, at = live();
    const text = JSON.stringify(at);
    if (text === island.painted) return;
    island.painted = text;
    overlays.remove({ type: 'kt' });
    registry.forEach(e => {
      if (!e.parent || e.labelTarget || e.type === 'bpmn:Lane' || e.type === 'bpmn:Participant') return;
      if (e.waypoints) {
        const taken = (at.flows || []).includes(e.id);
        canvas.removeMarker(e.id, taken ? 'kt-n-path' : 'kt-n-taken');
        canvas.addMarker(e.id, taken ? 'kt-n-taken' : 'kt-n-path');
        return;
      }
      const mark = LOOK[(at.nodes || {})[e.id]] || 'next';
      MARKS.forEach(m => canvas.removeMarker(e.id, 'kt-n-' + m));
      canvas.addMarker(e.id, 'kt-n-' + mark);
    });
    for (const flag of at.flags || []) {
      if (!registry.get(flag.node)) continue;
      const d = document.createElement('div');
      d.className = 'kt-flag' + (flag.tone ? ' is-' + flag.tone : '');
      d.textContent = flag.text;
      overlays.add(flag.node, 'kt', { position: { bottom: -4, left: 0 }, scale: false, html: d });
    }
  }

  // a page may paint its picture by itself (`data-own`): it hears when there is something to paint
  function show() {
    if (island.el.dataset.own === undefined) paint();
    else island.el.dispatchEvent(new CustomEvent('ktpaint', { bubbles: true, detail: island }));
  }

  // labels beside a line get room for four Chinese characters, around the same middle
  function roomy(xml) {
    const doc = new DOMParser().parseFromString(xml, 'application/xml');
    if (doc.querySelector('parsererror')) return xml;
    for (const label of doc.getElementsByTagNameNS('http://www.omg.org/spec/BPMN/20100524/DI', 'BPMNLabel')) {
      const box = label.firstElementChild;
      const wide = Number(box?.getAttribute('width') || 0);
      if (!box || !wide || wide >= 72) continue;
      box.setAttribute('x', String(Number(box.getAttribute('x')) - (72 - wide) / 2));
      box.setAttribute('width', '72');
    }
    return new XMLSerializer().serializeToString(doc);
  }

  // the current step stands in sight of its table's own scroll, without moving the page
  function current() {
    const box = $('.kt-steps-box'), row = box && $('tr[aria-current]', box);
    if (row && box.scrollHeight > box.clientHeight) box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }

  document.addEventListener('click', e => {
    const how = e.target.closest('[data-zoom]')?.dataset.zoom;
    if (!how || !island) return;
    if (how === 'whole') island.whole();
    else if (how === 'here') island.here();
    else if (how === 'full') filled(!island.el.closest('.kt-panel').classList.contains('is-filled'));
    else island.canvas.zoom(island.canvas.zoom() * (how === 'in' ? 1.25 : 0.8));
  });
  document.addEventListener('keydown', e => { if (e.key === 'Escape' && $('.kt-panel.is-filled')) filled(false); });
  function filled(on) {
    const panel = island.el.closest('.kt-panel'), box = island.canvas.viewbox(), scale = island.canvas.zoom();
    panel.classList.toggle('is-filled', on);
    root.classList.toggle('has-filled', on);
    const button = $('[data-zoom=full]', panel);
    button.setAttribute('aria-pressed', String(on));
    button.focus();
    island.canvas.resized();
    const { inner, outer } = island.canvas.viewbox();
    if (box.width >= inner.width && box.height >= inner.height) { island.whole(); return; }  // it was seen whole
    // else the same middle, as large as before
    const wide = outer.width / scale, tall = outer.height / scale;
    island.canvas.viewbox({ x: box.x + (box.width - wide) / 2, y: box.y + (box.height - tall) / 2, width: wide, height: tall });
  }
  // Fingers: two draw and pinch; one pans sideways and leaves up and down to the page, unless the
  // picture fills the screen.
  function fingers(el, canvas) {
    const down = new Map();
    const middle = () => { const at = [...down.values()], n = at.length; return { x: at.reduce((s, p) => s + p.x, 0) / n, y: at.reduce((s, p) => s + p.y, 0) / n, far: n > 1 ? Math.hypot(at[0].x - at[1].x, at[0].y - at[1].y) : 0 }; };
    el.addEventListener('pointerdown', e => { if (e.pointerType === 'touch') down.set(e.pointerId, { x: e.clientX, y: e.clientY }); });
    el.addEventListener('pointermove', e => {
      if (!down.has(e.pointerId)) return;
      const before = middle();
      down.set(e.pointerId, { x: e.clientX, y: e.clientY });
      const now = middle(), edge = el.getBoundingClientRect();
      canvas.scroll({ dx: now.x - before.x, dy: now.y - before.y });
      if (before.far && now.far) canvas.zoom(Math.min(3, Math.max(0.1, canvas.zoom() * now.far / before.far)), { x: now.x - edge.left, y: now.y - edge.top });
    });
    for (const name of ['pointerup', 'pointercancel', 'pointerleave']) el.addEventListener(name, e => down.delete(e.pointerId));
  }
  document.addEventListener('ktdraw', () => picture());  // a page put another picture in its place

  async function picture() {
    current();
    const el = $('#picture');
    if (!el) return;
    if (island && island.el === el) { show(); return; }
    if (el.dataset.state) return;
    el.dataset.state = 'drawing';
    try {
      const answer = await fetch(el.dataset.bpmn, { credentials: 'same-origin' });
      if (!answer.ok) throw new Error(String(answer.status));
      const face = getComputedStyle(document.body).fontFamily;
      const viewer = new BpmnJS({
        container: el,
        // Latin words are long: at this size Appointment fits its box whole
        textRenderer: { defaultStyle: { fontFamily: face, fontSize: document.documentElement.lang.startsWith('en') ? 12 : 15, lineHeight: 1.2 }, externalStyle: { fontFamily: face, fontSize: 13, lineHeight: 1.2 } },
        bpmnRenderer: { defaultFillColor: 'var(--kt-surface)', defaultStrokeColor: 'var(--kt-ink-2)', defaultLabelColor: 'var(--kt-ink)' },
      });
      await viewer.importXML(roomy(await answer.text()));
      const canvas = viewer.get('canvas'), registry = viewer.get('elementRegistry'), overlays = viewer.get('overlays');
      registry.forEach(e => {
        if (!e.parent || e.labelTarget) return;
        if (e.type === 'bpmn:Lane' || e.type === 'bpmn:Participant') { canvas.addMarker(e.id, 'kt-n-lane'); return; }
        if (e.type === 'bpmn:UserTask' || e.type === 'bpmn:ManualTask') canvas.addMarker(e.id, 'kt-n-human');
        if (e.type === 'bpmn:ServiceTask' || e.type === 'bpmn:BusinessRuleTask') canvas.addMarker(e.id, 'kt-n-machine');
      });
      const READ = 0.75;  // the least at which names are read
      const whole = () => {
        canvas.zoom('fit-viewport');
        const { inner } = canvas.viewbox(), pad = 10;
        canvas.viewbox({ x: inner.x - pad, y: inner.y - pad, width: inner.width + 2 * pad, height: inner.height + 2 * pad });
      };
      // a step in the middle, or the picture's beginning; what lies outside the picture is not shown
      const at = id => {
        const { inner, outer } = canvas.viewbox(), shape = id && registry.get(id), pad = 10;
        const scale = Math.max(READ, Math.min(canvas.zoom(), 1.5)), wide = outer.width / scale, tall = outer.height / scale;
        const within = (least, most, size, wish) => (size >= most - least ? least - pad : Math.min(Math.max(least - pad, wish), most + pad - size));
        const x = shape ? shape.x + shape.width / 2 - wide / 2 : inner.x - pad, y = shape ? shape.y + shape.height / 2 - tall / 2 : inner.y - pad;
        canvas.viewbox({ x: within(inner.x, inner.x + inner.width, wide, x), y: within(inner.y, inner.y + inner.height, tall, y), width: wide, height: tall });
      };
      // where the order stands, or where most orders do
      const where = () => {
        const told = live(), nodes = told.nodes || {}, hottest = Object.entries(told.heat || {}).sort((a, b) => b[1] - a[1])[0];
        for (const look of ['failed', 'active', 'waiting']) { const id = Object.keys(nodes).find(n => nodes[n] === look); if (id) return id; }
        const passed = Object.keys(nodes).filter(id => registry.get(id) && !registry.get(id).waypoints);
        return el.dataset.here || (hottest && hottest[0]) || passed.find(id => registry.get(id).type === 'bpmn:EndEvent');
      };
      const here = () => at(where());
      // a step that is out of sight comes into it
      const seen = id => {
        const shape = registry.get(id), box = canvas.viewbox();
        if (shape && (shape.x < box.x || shape.y < box.y || shape.x + shape.width > box.x + box.width || shape.y + shape.height > box.y + box.height)) at(id);
      };
      whole();
      if (canvas.zoom() < 0.5) here();  // too small to read: as much as can be read
      fingers(el, canvas);
      island = { el, viewer, canvas, registry, overlays, whole, here, seen, painted: '' };
      show();
      $('.kt-bpmn-fail', el)?.remove();
      el.dataset.state = 'ready';
    } catch {
      el.dataset.state = 'failed';
      const f = $('.kt-bpmn-fail', el);
      if (f) f.textContent = el.dataset.failed;
    }
  }
})();
