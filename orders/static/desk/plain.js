// The theme that the person chose on the site, for an error page, which stands without it.
(() => {
  let chosen = null;
  try {
    chosen = JSON.parse(localStorage.getItem("adminTheme"));
  } catch {
    // no storage, or something else in it: as the system has it
  }
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const wantsDark = chosen === "dark" || (chosen !== "light" && isDark);
  document.documentElement.classList.toggle("dark", wantsDark);
})();
