// The installer's phone: calls, scanning, signature, and a completion that survives a bad connection.
(() => {
  const own = document.currentScript, nonce = own.nonce, zxing = own.dataset.zxing;
  const $ = (s, el = document) => el.querySelector(s);
  const $$ = (s, el = document) => [...el.querySelectorAll(s)];
  const word = name => document.body.dataset[name] || '';
  const csrf = () => JSON.parse(document.body.getAttribute('hx-headers:inherited') || '{}')['X-CSRFToken'] || '';
  const shelf = { get: k => { try { return JSON.parse(sessionStorage.getItem(k) || 'null'); } catch { return null; } },
                  set: (k, v) => { try { v === null ? sessionStorage.removeItem(k) : sessionStorage.setItem(k, JSON.stringify(v)); } catch { /* private window */ } } };
  const key = () => (crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, '0')).join(''));

  // ---- what was entered survives a reload: figures and ticks, no free text ------------------------
  const form = $('[data-complete]');
  const place = form && `kt-m-${document.body.dataset.person}-${form.dataset.complete}`;
  const kept = () => $$('input[name], select[name]', form).filter(el => el.name !== 'csrfmiddlewaretoken' && el.type !== 'file' && !el.matches('[data-photo-id]'));
  function remember() {
    if (!form) return;
    const was = shelf.get(place) || {};
    const values = {};
    for (const el of kept()) if (el.type === 'checkbox' || el.type === 'radio') { if (el.checked) values[`${el.name}=${el.value}`] = 1; } else if (el.value) values[el.name] = el.value;
    shelf.set(place, { ...was, values });
  }
  function recall() {
    const was = form && shelf.get(place);
    if (!was?.values) return;
    for (const el of kept()) if (el.type === 'checkbox' || el.type === 'radio') el.checked ||= Boolean(was.values[`${el.name}=${el.value}`]); else if (!el.value && was.values[el.name]) el.value = was.values[el.name];
  }

  // ---- what is still missing ----------------------------------------------------------------------
  function need() {
    if (!form) return;
    const ticks = $$('.kt-ph-ticks input[type=checkbox]', form), open = ticks.filter(t => !t.checked).length;
    const said = $('[data-ticks]', form);
    if (said) said.textContent = `${ticks.length - open} / ${ticks.length}`;
    let count = open;
    for (const el of [$('[data-power]', form), $('[data-serial]', form)]) if (el && !el.value.trim() && el.closest('section')) count += 1;
    for (const name of (form.dataset.demanded || '').split(' ').filter(Boolean)) if (!$(`[name="${name}"]`, form)?.value) count += 1;
    const line = $('[data-need]');
    if (line && !queued()) line.textContent = count ? word('wordMissing').replace('#', count) : '';
  }
  function scale() {
    const svg = $('[data-scale]'), input = $('[data-power]');
    $$('.kt-ph-marks [data-at]').forEach(el => { el.style.left = `${el.dataset.at}%`; });
    if (!svg || !input) return;
    const [low, good, high, left, right] = svg.dataset.scale.split(' ').map(Number);
    const text = input.value.trim().replace('−', '-'), value = text === '' ? NaN : Number(text), mark = $('[data-scale-mark]', svg);
    const none = Number.isNaN(value), tone = none ? 'wait' : value < low || value > high ? 'late' : value < good ? 'soon' : 'ok';
    const said = $('[data-scale-word]');
    if (said) { said.textContent = svg.dataset.words.split('|')[['ok', 'soon', 'late', 'wait'].indexOf(tone)]; said.className = `kt-state is-${tone}`; }
    if (none) { mark.setAttribute('x', -9); return; }
    mark.setAttribute('class', `z-mark is-${tone}`);
    mark.setAttribute('x', 100 * (Math.min(Math.max(value, left), right) - left) / (right - left));
  }

  // ---- the completion: sent with a key, kept until it is answered ---------------------------------
  const QUEUE = 'kt-m-queue';
  const queued = () => { const q = shelf.get(QUEUE); return q && q.person === document.body.dataset.person ? q : null; };
  let timer = 0, pause = 3000;
  function banner(text) {
    $$('[data-queue]').forEach(el => { el.hidden = !text; });
    $$('[data-queue-text]').forEach(el => { el.textContent = text || ''; });
  }
  function faults(list) {
    $$('[data-fault]').forEach(el => el.remove());
    $$('.has-error', form).forEach(el => el.classList.remove('has-error'));
    let first = null;
    for (const one of list) {
      const field = one.field && form && $(`[name="${one.field}"]`, form);
      const line = document.createElement('span');
      line.className = field ? 'kt-error' : 'kt-note is-late kt-ph-note';
      line.dataset.fault = '';
      line.setAttribute('role', 'alert');
      const text = document.createElement('span');
      text.textContent = one.text;
      line.append(text);
      if (field) { const box = field.closest('.kt-field') || field.closest('section'); box.classList.add('has-error'); box.append(line); line.id = `e-${one.field}`; } else $('#main').prepend(line);
      first ||= line;
    }
    first?.scrollIntoView({ block: 'center' });
  }
  async function send() {
    clearTimeout(timer);
    const job = queued();
    if (!job) return;
    const here = form && form.dataset.complete === job.id;
    if (here) form.dataset.busy = '';
    const body = new FormData();
    for (const [name, value] of job.fields) if (name !== 'csrfmiddlewaretoken') body.append(name, value);
    body.append('key', job.key);
    let answer = null, status = 0;
    const cut = new AbortController(), limit = setTimeout(() => cut.abort(), 25000);
    try {
      const response = await fetch(job.url, { method: 'POST', body, signal: cut.signal, credentials: 'same-origin', redirect: 'follow', headers: { Accept: 'application/json', 'X-CSRFToken': csrf() } });
      status = response.status;
      if ((response.headers.get('Content-Type') || '').includes('json')) answer = await response.json();
    } catch { /* no air: it stays in the queue */ }
    clearTimeout(limit);
    if (answer) {
      shelf.set(QUEUE, null);
      banner('');
      if (here) delete form.dataset.busy;
      if (answer.ok) { shelf.set(`kt-m-${job.person}-${job.id}`, null); location.assign(answer.next); return; }
      if (!here) { location.assign(job.page); return; }
      const pane = $('#check');
      if (answer.pane && pane) {
        const fresh = new DOMParser().parseFromString(answer.pane, 'text/html').body.firstElementChild;
        pane.replaceWith(fresh);
        window.htmx?.process?.(fresh);
      }
      const known = answer.pane ? answer.faults.filter(f => f.field && $(`[name="${f.field}"]`, form)) : answer.faults;
      faults(known.length || answer.pane ? known : answer.faults);
      if (!known.length && answer.pane) $('#check')?.scrollIntoView({ block: 'start' });
      const line = $('[data-need]');
      if (line) line.textContent = answer.faults.map(f => f.text)[0] || '';
      return;
    }
    if (status === 200 || status === 403 || status === 302) {  // the sign-in page: nothing was done
      banner(word('wordLogin'));
      if (here) delete form.dataset.busy;
      return;
    }
    banner(word('wordQueued'));
    timer = setTimeout(send, pause);
    pause = Math.min(pause * 1.6, 30000);
  }
  addEventListener('online', () => { pause = 3000; send(); });
  form?.addEventListener('submit', e => {
    if (e.defaultPrevented) return;
    e.preventDefault();
    remember();
    const was = queued();
    const fields = [...new FormData(form).entries()].filter(([, v]) => typeof v === 'string');
    const same = was && was.id === form.dataset.complete && JSON.stringify(was.fields) === JSON.stringify(fields);
    shelf.set(QUEUE, same ? was : { id: form.dataset.complete, person: document.body.dataset.person, url: form.action, page: location.pathname, key: key(), fields });
    pause = 3000;
    const line = $('[data-need]');
    if (line) line.textContent = word('wordSending');
    send();
  });

  // ---- calls: the number comes with a recorded reading --------------------------------------------
  async function call(button) {
    try {
      const response = await fetch(button.dataset.call, { method: 'POST', headers: { 'X-CSRFToken': csrf(), Accept: 'application/json' } });
      const { phone } = await response.json();
      const shown = $('[data-call-shown]');
      if (shown) shown.textContent = phone;
      location.href = `tel:${phone}`;
    } catch { banner(word('wordNocall')); }
  }

  // ---- scanning: the browser's own reader, else one that is loaded now; typing always works -------
  let stop = null;
  function shut() { stop?.(); stop = null; $('#scan')?.close(); }
  function script(src) {
    return new Promise((done, fail) => {
      if (window.ZXingBrowser) { done(); return; }
      const el = document.createElement('script');
      el.src = src; el.nonce = nonce; el.onload = done; el.onerror = fail;
      document.head.append(el);
    });
  }
  async function scan(target) {
    const dialog = $('#scan'), video = $('video', dialog);
    const take = text => { target.value = text.trim().toUpperCase(); shut(); target.dispatchEvent(new Event('change', { bubbles: true })); target.dispatchEvent(new Event('input', { bubbles: true })); };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      dialog.showModal();
      video.srcObject = stream;
      await video.play();
      let going = true;
      stop = () => { going = false; stream.getTracks().forEach(t => t.stop()); };
      if ('BarcodeDetector' in window) {
        const reader = new BarcodeDetector();
        const look = async () => {
          if (!going) return;
          const found = await reader.detect(video).catch(() => []);
          if (found[0]) take(found[0].rawValue); else setTimeout(look, 150);
        };
        look();
      } else {
        await script(zxing);
        const controls = await new ZXingBrowser.BrowserMultiFormatReader().decodeFromVideoElement(video, result => { if (result && going) take(result.getText()); });
        const before = stop;
        stop = () => { controls.stop(); before(); };
      }
    } catch {
      shut();
      const said = target.closest('.kt-field')?.querySelector('[data-serial-said]');
      if (said) said.textContent = word('wordCamera');
      target.focus();
    }
  }
  async function judge(input) {
    const said = input.closest('.kt-field')?.querySelector('[data-serial-said]');
    if (!said || !input.value.trim()) return;
    try {
      const response = await fetch(`${input.dataset.serial}?serial=${encodeURIComponent(input.value.trim())}`);
      const { tone, text } = await response.json();
      said.textContent = text;
      said.className = tone === 'late' ? 'kt-error' : 'kt-help';
    } catch { /* said again by the check */ }
  }

  // ---- signature: drawn, made a picture, sent like a photo ---------------------------------------
  function pad(box) {
    const canvas = $('canvas', box), done = $('[data-sign-done]', box), photo = $('[data-photo]', box), file = $('[data-photo-file]', box);
    let pen = null, drawn = false;
    const fresh = () => {
      const r = canvas.getBoundingClientRect(), scale = Math.min(3, window.devicePixelRatio || 1);
      if (!r.width) return;
      canvas.width = r.width * scale; canvas.height = r.height * scale;
      pen = canvas.getContext('2d');
      pen.fillStyle = '#fff'; pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.scale(scale, scale);
      pen.lineWidth = 2.4; pen.lineCap = pen.lineJoin = 'round'; pen.strokeStyle = '#1a1f26';
      drawn = false; done.disabled = true;
    };
    const at = e => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
    canvas.addEventListener('pointerdown', e => { if (!pen) fresh(); canvas.setPointerCapture(e.pointerId); pen.beginPath(); pen.moveTo(...at(e)); e.preventDefault(); });
    canvas.addEventListener('pointermove', e => { if (!e.buttons || !pen) return; pen.lineTo(...at(e)); pen.stroke(); drawn = true; done.disabled = false; });
    done.addEventListener('click', () => {
      if (!drawn) return;
      canvas.toBlob(blob => {
        const carry = new DataTransfer();
        carry.items.add(new File([blob], 'signature.png', { type: 'image/png' }));
        file.files = carry.files;
        file.dispatchEvent(new Event('change', { bubbles: true }));
      }, 'image/png');
    });
    const paint = () => box.classList.toggle('is-signed', photo.dataset.state !== 'empty');
    new MutationObserver(() => { paint(); need(); }).observe(photo, { attributes: true, attributeFilter: ['data-state'] });
    $('[data-sign-again]', box).addEventListener('click', () => { $('[data-photo-drop]', box)?.click(); box.classList.remove('is-signed'); fresh(); });
    paint();
    fresh();
  }

  document.addEventListener('click', e => {
    const el = e.target.closest('[data-call], [data-scan], [data-scan-shut], [data-fold], [data-fold-open]');
    if (!el) return;
    if (el.dataset.call) call(el);
    else if (el.dataset.scan) scan(document.getElementById(el.dataset.scan));
    else if (el.matches('[data-scan-shut]')) shut();
    else if (el.dataset.fold) { const box = document.getElementById(el.dataset.fold); box.hidden = !box.hidden; if (!box.hidden) box.scrollIntoView({ block: 'nearest' }); }
    else { const box = document.getElementById(el.dataset.foldOpen); if (box) { box.open = true; box.scrollIntoView({ block: 'center' }); e.preventDefault(); } }
  });
  document.addEventListener('change', e => { if (e.target.matches('[data-serial]')) judge(e.target); if (form?.contains(e.target)) { remember(); need(); } });
  document.addEventListener('input', e => { if (e.target.matches('[data-power]')) scale(); if (form?.contains(e.target)) { remember(); need(); } });
  // a part that was refused still stands for what is to be done: 422 and 409 are swapped in as well
  document.addEventListener('close', e => { if (e.target.id === 'scan') shut(); }, true);
  recall();
  addEventListener('DOMContentLoaded', () => { $$('[data-sign]').forEach(pad); scale(); need(); if (queued()) { banner(word('wordQueued')); send(); } });
})();
