// What is wrong with a page as it stands, in words that say where. Evaluated in the page by `looking`.
(english) => {
  const found = [], chinese = [];
  const say = (kind, node, more) => {
    const name = node.tagName.toLowerCase() + (node.id ? `#${node.id}` : '')
      + (typeof node.className === 'string' && node.className ? '.' + node.className.trim().split(/\s+/).slice(0, 2).join('.') : '');
    found.push(`${kind}: ${name} ${more || ''}`.trim().slice(0, 200));
  };
  const shown = node => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && node.checkVisibility({ visibilityProperty: true })
      && !node.closest('[hidden], [aria-hidden=true], .visually-hidden, .kt-skip, canvas, svg, .djs-container');
  };
  const words = node => (node.innerText || node.value || '').trim().replace(/\s+/g, ' ').slice(0, 60);

  const over = document.documentElement.scrollWidth - window.innerWidth;
  if (over > 0) found.push(`scrolls sideways by ${over} px`);

  // what stands outside the box it belongs to
  const scrolls = (node, until) => {
    for (let up = node.parentElement; up && up !== until.parentElement; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (/(auto|scroll|hidden|clip)/.test(style.overflowX)) return true;
      if (/(absolute|fixed)/.test(style.position) && up !== until) return true;
    }
    return false;
  };
  const BOXES = '.kt-panel, .kt-ph-card, .kt-job, .kt-modal, .kt-note, .kt-drawer, .kt-table.is-cards tr, td, th, .btn, .kt-head, .kt-filters, .kt-tile';
  for (const box of document.querySelectorAll(BOXES)) {
    if (!shown(box)) continue;
    const edge = box.getBoundingClientRect();
    for (const inner of box.querySelectorAll('*')) {
      const style = getComputedStyle(inner);
      if (/(absolute|fixed)/.test(style.position) || !shown(inner) || scrolls(inner, box)) continue;
      const at = inner.getBoundingClientRect();
      if (at.right > edge.right + 1.5 || at.left < edge.left - 1.5) { say('stands out of', box, `“${words(inner)}”`); break; }
    }
  }

  // buttons narrower than their words
  for (const node of document.querySelectorAll('.btn')) {
    if (shown(node) && node.scrollWidth > node.clientWidth + 1) say('is narrower than its words', node, `“${words(node)}”`);
  }

  // buttons, chips and tabs of two lines
  for (const node of document.querySelectorAll('.btn, .kt-chip, .kt-pill, .kt-tag, .kt-due, .kt-state.is-box, .kt-tabs a, .kt-seg label span')) {
    if (!shown(node) || !words(node)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    if (range.getBoundingClientRect().height > (parseFloat(getComputedStyle(node).lineHeight) || 20) * 1.7) say('broken in two lines', node, `“${words(node)}”`);
  }

  // what is operated has a name; an id is one thing's; labels and descriptions lead somewhere
  const named = node => node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.title
    || (node.labels && node.labels.length) || words(node);
  for (const node of document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], summary, [role=radiogroup]')) {
    if (shown(node) && !named(node)) say('has no name', node, node.name || node.getAttribute('href') || '');
  }
  const ids = [...document.querySelectorAll('[id]')].filter(n => !n.closest('svg')).map(n => n.id);
  for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) found.push(`two things are called #${id}`);
  for (const node of document.querySelectorAll('label[for]')) if (!document.getElementById(node.htmlFor)) say('is a label of nothing', node, node.htmlFor);
  for (const name of ['aria-describedby', 'aria-labelledby']) {
    for (const node of document.querySelectorAll(`[${name}]`)) {
      for (const id of node.getAttribute(name).split(/\s+/).filter(Boolean)) if (!document.getElementById(id)) say('points nowhere', node, `${name} ${id}`);
    }
  }

  // text below 12 px, and every Chinese text and label of an English page
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), node = walker.currentNode.parentElement;
    if (!text || !node || !shown(node) || /^(SCRIPT|STYLE)$/.test(node.tagName)) continue;
    const size = parseFloat(getComputedStyle(node).fontSize);
    if (size > 0 && size < 12) say('is smaller than 12 px', node, `“${text.slice(0, 30)}”`);
    if (english && !node.closest('[lang=zh]')) chinese.push(text);
  }
  if (english) for (const node of document.querySelectorAll('[aria-label], [title], [placeholder]')) {
    for (const name of ['aria-label', 'title', 'placeholder']) if (node.getAttribute(name)) chinese.push(node.getAttribute(name).trim());
  }
  return { faults: [...new Set(found)], chinese: [...new Set(chinese.filter(t => /[\u4e00-\u9fff]/.test(t)))] };
}
