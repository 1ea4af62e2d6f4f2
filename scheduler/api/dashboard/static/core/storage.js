// Local storage, or nothing: if the user forbids storage, even reading throws.
// Not a module: the theme is read before the first paint.
window.atlanStorage = {
  read(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // then the value is kept only until the page is left
    }
  },
};
