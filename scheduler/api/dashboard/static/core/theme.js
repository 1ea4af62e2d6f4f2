// Light, dark, or as the system is. Not a module: it runs before the first paint, to avoid a flash.
(() => {
  const KEY = "atlan-theme";
  const root = document.documentElement;
  const chosen = window.atlanStorage.read(KEY);
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  const isDark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;

  const changed = () => dispatchEvent(new Event("atlan-theme"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

  window.atlanTheme = {
    isDark,
    toggle() {
      root.dataset.theme = isDark() ? "light" : "dark";
      window.atlanStorage.write(KEY, root.dataset.theme);
      changed();
    },
  };
})();
