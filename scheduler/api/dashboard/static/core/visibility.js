// Whether this page is hidden, for example behind another tab.
import { useEffect, useState } from "../vendor/htm-preact.js";

export function useHidden() {
  const [hidden, setHidden] = useState(document.hidden);
  useEffect(() => {
    const look = () => setHidden(document.hidden);
    document.addEventListener("visibilitychange", look);
    look();
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return hidden;
}
