// Asks for a token, where nobody is logged in. The address stays: after the login, its page is shown.
import { html, useState } from "../vendor/htm-preact.js";
import { login } from "../core/who.js";
import { Failed } from "../parts/states.js";

export function Login() {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  async function begin(event) {
    event.preventDefault();
    setBusy(true);
    try {
      await login(new FormData(event.target).get("token").trim());
    } catch (failed) {
      setProblem(failed);
      setBusy(false);
    }
  }

  return html`
    <form class="login" onSubmit=${begin}>
      <h1>Log in</h1>
      <label>
        Token
        <input name="token" type="password" autocomplete="current-password" placeholder="atl_…" required autofocus />
        <small>Whoever runs this installation makes one: <code>main.py token create</code>. The first one is in the file <code>admin-token</code> of the node's <code>data_dir</code>.</small>
      </label>
      ${problem && html`<${Failed} problem=${problem} />`}
      <button aria-busy=${busy} disabled=${busy}>Log in</button>
    </form>
  `;
}
