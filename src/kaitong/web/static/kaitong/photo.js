// Photos of forms: taken or chosen, seen at once, sent by themselves; the form carries the identifier.
(() => {
  const $ = (s, el = document) => el.querySelector(s);
  const $$ = (s, el = document) => [...el.querySelectorAll(s)];
  const LONGEST = 2400, NO_ID = '00000000-0000-0000-0000-000000000000';
  const going = new Map();   // field -> {request, progress}: an upload outlives a fresh form
  const seen = new Map();    // identifier -> what the camera showed, for this page only
  const faults = new Map();  // field -> what was wrong with the last photo, until the next one
  const heard = new WeakSet();
  const box = name => $$('[data-photo]').find(b => b.dataset.photo === name);
  const part = (b, name) => $(`[data-photo-${name}]`, b);
  const token = b => $('[name=csrfmiddlewaretoken]', b.closest('form') || document)?.value || JSON.parse(document.body.getAttribute('hx-headers:inherited') || '{}')['X-CSRFToken'] || '';
  const at = (b, what, id) => b.dataset[what].replace(NO_ID, id);

  function state(b, to) { b.dataset.state = to; }
  function fault(b, text) {
    if (text) faults.set(b.dataset.photo, text);
    else faults.delete(b.dataset.photo);
    tell(b);
  }
  function tell(b) {
    const text = faults.get(b.dataset.photo);
    const line = part(b, 'error');
    line.hidden = !text;
    line.lastElementChild.textContent = text || '';
    if (text) b.closest('.kt-field')?.classList.add('has-error');
    else if (!$('.kt-error:not([data-photo-error])', b.closest('.kt-field') || b)) b.closest('.kt-field')?.classList.remove('has-error');
  }
  function show(b, canvas) {
    const view = part(b, 'view');
    $$('img, canvas', view).forEach(el => el.remove());
    view.prepend(canvas);
  }
  const told = b => part(b, 'id').dispatchEvent(new Event('change', { bubbles: true }));

  // a phone's photo is large and the air between is thin: it is made smaller before it is sent
  async function smaller(file) {
    try {
      const picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
      const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
      const draw = (w, h) => {
        const canvas = document.createElement('canvas');
        canvas.width = Math.max(1, Math.round(w)); canvas.height = Math.max(1, Math.round(h));
        canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
        return canvas;
      };
      const view = Math.min(1, 480 / Math.max(picture.width, picture.height));
      const preview = draw(picture.width * view, picture.height * view);
      let data = file;
      if (file.type === 'image/jpeg' && (scale < 1 || file.size > 3e6)) {
        const canvas = draw(picture.width * scale, picture.height * scale);
        data = await new Promise(done => canvas.toBlob(done, 'image/jpeg', 0.88)) || file;
      }
      picture.close();
      return { data, preview };
    } catch {
      return { data: file, preview: null };  // the server says what is wrong with it
    }
  }

  // on the input itself: while the camera is open the form may be swapped for a fresh one, and what
  // happens to an input outside of the document reaches no listener of the document
  function listen(b) {
    const input = part(b, 'file');
    if (!input || heard.has(input)) return;
    heard.add(input);
    input.addEventListener('change', () => {
      const file = input.files[0], now = box(b.dataset.photo) || b;
      input.value = '';  // the same file may be chosen again after a fault
      if (file) send(now, file);
    });
  }

  async function send(b, file) {
    const name = b.dataset.photo, url = b.dataset.upload, csrf = token(b), words = b.dataset.wordOffline;
    if (going.has(name)) return;
    const turn = { request: new XMLHttpRequest(), progress: 0 };
    going.set(name, turn);
    fault(b, '');
    state(b, 'busy');
    const { data, preview } = await smaller(file);
    const request = turn.request;
    const body = new FormData();
    body.append('photo', data, 'photo');
    request.upload.onprogress = e => {
      if (!e.lengthComputable) return;
      turn.progress = Math.round(100 * e.loaded / e.total);
      const bar = box(name) && $('progress', box(name));
      if (bar) bar.value = turn.progress;
    };
    request.onloadend = () => {
      going.delete(name);
      const now = box(name);  // the form may be a fresh one by now
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (!now) return;
      if (request.status === 200 && answer.id) {
        fault(now, '');
        if (preview) seen.set(answer.id, preview);
        part(now, 'id').value = answer.id;
        paint(now);
        told(now);
      } else {
        state(now, part(now, 'id').value ? 'stored' : 'empty');
        fault(now, answer.error || words);
      }
    };
    request.open('POST', url);
    request.setRequestHeader('X-CSRFToken', csrf);
    request.timeout = 120000;
    request.send(body);
  }

  function paint(b) {
    listen(b);
    tell(b);
    if (going.has(b.dataset.photo)) {
      state(b, 'busy');
      const bar = $('progress', b);
      if (bar) bar.value = going.get(b.dataset.photo).progress;
      return;
    }
    const id = part(b, 'id').value;
    state(b, id ? 'stored' : 'empty');
    if (id && seen.has(id)) { show(b, seen.get(id)); b.dataset.shown = ''; return; }
    delete b.dataset.shown;
    const view = part(b, 'view');
    if (!id) $$('img, canvas', view).forEach(el => el.remove());
    else if (!('sensitive' in b.dataset) && !$('img', view)) look(b, id);
  }
  function look(b, id) {
    const img = document.createElement('img');
    img.alt = $('label', b.closest('.kt-field') || b)?.textContent.trim() || '';
    img.src = at(b, 'view', id);
    show(b, img);
    b.dataset.shown = '';
  }
  function drop(b) {
    const id = part(b, 'id').value;
    part(b, 'id').value = '';
    seen.delete(id);
    fault(b, '');
    paint(b);
    if (!id) return;
    fetch(at(b, 'discard', id), { method: 'POST', credentials: 'same-origin', headers: { 'X-CSRFToken': token(b) } })
      .catch(() => null)  // an upload nobody uses is swept
      .then(() => { const now = box(b.dataset.photo); if (now) told(now); });
  }

  addEventListener('DOMContentLoaded', () => {
    document.addEventListener('click', e => {
      const button = e.target.closest('[data-photo-look], [data-photo-again], [data-photo-drop]');
      if (!button) return;
      e.preventDefault();
      const b = button.closest('[data-photo]');
      if (button.matches('[data-photo-look]')) window.open(at(b, 'view', part(b, 'id').value), '_blank', 'noopener');
      else if (button.matches('[data-photo-again]')) part(b, 'file').click();
      else drop(b);
    });
    // a form must not leave without the photo that is still on its way
    document.addEventListener('submit', e => {
      const waits = $$('[data-photo][data-state=busy]', e.target);
      if (!waits.length || e.submitter?.formNoValidate) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      waits[0].scrollIntoView({ block: 'center' });
    }, true);
    document.addEventListener('htmx:after:swap', () => $$('[data-photo]').forEach(paint));
    $$('[data-photo]').forEach(paint);
  });
})();
