// The console's JSON API, its events, and what every view shares of them.

import { useEffect, useState } from "./vendor/htm-preact.js";

const BASE = "api/";

export async function get(path) {
  return read(await fetch(BASE + path));
}

export async function post(path, content) {
  const body = JSON.stringify(content);
  return read(await fetch(BASE + path, { method: "POST", body, headers: { "Content-Type": "application/json" } }));
}

async function read(response) {
  const content = await response.json();
  if (!response.ok) throw new Error(content.message);
  return content;
}

// Events of the local cloud: request, invocation, execution, change; and state: whether it can be reached.
const events = new EventTarget();
let instance = null;

export function listen() {
  const source = new EventSource(BASE + "events");
  const emit = (name, detail) => events.dispatchEvent(new CustomEvent(name, { detail }));
  source.onopen = () => emit("state", "live");
  source.onerror = () => emit("state", "away");
  source.addEventListener("hello", (event) => {
    const started = JSON.parse(event.data).instance;
    if (instance !== null) emit("reset", started !== instance);
    instance = started;
  });
  source.addEventListener("missed", () => emit("reset", false));
  for (const name of ["request", "invocation", "execution", "change"])
    source.addEventListener(name, (event) => emit(name, JSON.parse(event.data)));
}

/** Call `handle` with the content of each event of these names while the component is shown. */
export function useEvents(names, handle, inputs = []) {
  useEffect(() => {
    const call = (event) => handle(event.detail, event.type);
    for (const name of names) events.addEventListener(name, call);
    return () => names.forEach((name) => events.removeEventListener(name, call));
  }, inputs);
}

/** Read a page of the API, and again when one of these events comes. Returns [content, error, read again]. */
export function useContent(path, names = []) {
  const [state, setState] = useState({ path: null, content: null, error: null });
  const load = () =>
    path &&
    get(path).then(
      (content) => setState((old) => (old.wanted && old.wanted !== path ? old : { path, content, error: null })),
      (error) => setState({ path, content: null, error: error.message }),
    );
  useEffect(() => {
    setState((old) => ({ ...old, wanted: path }));
    load();
  }, [path]);
  useEvents([...names, "reset"], load, [path]);
  return [state.path === path ? state.content : null, state.path === path ? state.error : null, load];
}

/** The headers by which a caller is known to a route. */
export async function credentials(caller, { region, method, url, body, token }) {
  if (caller === "user") return post("sign-in/user", { region });
  if (caller === "token") return { Authorization: `Bearer ${token}` };
  if (caller === "operator") {
    const sent = body == null ? new ArrayBuffer(0) : typeof body === "string" ? new TextEncoder().encode(body) : await body.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", sent));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return post("sign-in/operator", { region, method, url: location.origin + url, sha256 });
  }
  return {};
}

/** Call a route of a deployed API. `onText` gets the body so far, as it comes. */
export async function call(api, { method, path, caller, token, headers = {}, body = null, signal, onText }) {
  const url = api.path + path;
  const signed = await credentials(caller, { region: api.region, method, url, body, token });
  const started = performance.now();
  const response = await fetch(url, { method, headers: { ...headers, ...signed }, body, signal });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let first = null;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    first ??= performance.now() - started;
    text += decoder.decode(part.value, { stream: true });
    onText?.(text);
  }
  return {
    status: response.status,
    ms: performance.now() - started,
    first,
    text,
    type: response.headers.get("content-type") ?? "",
    id: response.headers.get("x-amzn-requestid"),
  };
}
