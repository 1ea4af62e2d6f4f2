// What this browser keeps for the page, or nothing: to somebody who forbids that, even a look throws.
// No module: the theme is read before the first paint.
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
      // then it holds until the page is left
    }
  },
};
