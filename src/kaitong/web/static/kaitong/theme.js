// Before the first paint: the person's choice (a cookie the server also reads), else the machine's.
(() => {
  const root = document.documentElement;
  if (!root.dataset.bsTheme) {
    const chosen = /(?:^|; )kt_theme=(light|dark)/.exec(document.cookie)?.[1];
    root.dataset.bsTheme = chosen || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  }
})();
