// Whether a component is still on the page, for what it does after a wait.
import { useEffect, useRef } from "../vendor/htm-preact.js";

export function useAlive() {
  const alive = useRef(true);
  useEffect(() => () => (alive.current = false), []);
  return alive;
}
