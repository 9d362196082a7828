// The heat map: paints how many wait where onto the picture; the table beside it says the same.
(() => {
  const LEVELS = ['kt-h-1', 'kt-h-2', 'kt-h-3', 'kt-h-4', 'kt-h-hot', 'kt-h-link'];
  const told = () => { try { return JSON.parse(document.getElementById('positions')?.textContent || '{}'); } catch { return {}; } };
  let links = {};

  function paint({ canvas, registry, overlays, viewer, el }) {
    const at = told();
    links = at.links || {};
    overlays.remove({ type: 'kt' });
    registry.forEach(e => {
      if (!e.parent || e.labelTarget || e.waypoints || e.type === 'bpmn:Lane' || e.type === 'bpmn:Participant') return;
      LEVELS.forEach(m => canvas.removeMarker(e.id, m));
      canvas.addMarker(e.id, 'kt-h-0');
      const level = (at.heat || {})[e.id];
      if (level) canvas.addMarker(e.id, `kt-h-${level}`);
      if ((at.hot || []).includes(e.id)) canvas.addMarker(e.id, 'kt-h-hot');
      if (links[e.id]) canvas.addMarker(e.id, 'kt-h-link');
    });
    for (const flag of at.flags || []) {
      if (!registry.get(flag.node)) continue;
      const d = document.createElement('div');
      d.className = 'kt-flag' + (flag.tone ? ` is-${flag.tone}` : ' is-grey');
      d.textContent = flag.text;
      overlays.add(flag.node, 'kt', { position: { bottom: -4, left: 0 }, scale: false, html: d });
    }
    if (el.dataset.heard) return;
    el.dataset.heard = '1';
    viewer.get('eventBus').on('element.click', ({ element }) => {
      const id = element.labelTarget?.id || element.id;
      if (links[id]) { location.assign(links[id]); return; }
      const row = document.getElementById(`n-${id}`);
      if (!row) return;
      document.querySelectorAll('tr.is-pointed').forEach(r => r.classList.remove('is-pointed'));
      row.classList.add('is-pointed');
      row.scrollIntoView({ block: 'nearest' });
    });
  }
  document.addEventListener('ktpaint', e => paint(e.detail));
})();
