// Whether anybody can see this page, or it is hidden behind another tab.
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
