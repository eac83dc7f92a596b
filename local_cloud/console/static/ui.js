// Parts that several views use.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";

export { html };

export const link = (...parts) => "#/" + parts.map((part) => encodeURIComponent(part)).join("/");

export const milliseconds = (value) =>
  value == null ? "" : value < 10 ? `${value.toFixed(1)} ms` : value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;

export const bytes = (value) =>
  value == null ? "" : value < 1024 ? `${value} B` : value < 1024 ** 2 ? `${(value / 1024).toFixed(1)} KB` : `${(value / 1024 ** 2).toFixed(1)} MB`;

export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

/** A name without the part that all resources of the stack share. */
export const shortName = (name, names) => {
  if (names.length < 2) return name;
  let length = 0;
  while (length < name.length && names.every((other) => other[length] === name[length])) length++;
  const cut = name.lastIndexOf("-", length) + 1;
  return name.slice(cut) || name;
};

export const Method = ({ name }) => html`<span class="method ${name.toLowerCase()}">${name}</span>`;

export const Status = ({ code }) => {
  const kind = code < 300 ? "good" : code < 400 ? "plain" : code < 500 ? "warn" : "bad";
  return html`<span class="pill ${kind}">${code}</span>`;
};

const OUTCOMES = { SUCCEEDED: "good", RUNNING: "live", FAILED: "bad", TIMED_OUT: "bad", ABORTED: "warn" };
export const Outcome = ({ status }) =>
  html`<span class="pill ${OUTCOMES[status] ?? "plain"}">${status.toLowerCase().replace("_", " ")}</span>`;

/** What is shown where there is nothing; `alone` if it is the whole view. */
export const Empty = ({ title, alone, children }) => html`<div class="empty">${alone ? html`<h1>${title}</h1>` : html`<h2>${title}</h2>`}<p>${children}</p></div>`;

export const Failed = ({ error }) => html`<p class="failed" role="alert">${error}</p>`;

export const Loading = () => html`<div class="loading" aria-label="Loading"><i></i><i></i><i></i></div>`;

export const Facts = ({ rows }) =>
  html`<dl class="facts">
    ${rows.filter(([, value]) => value != null && value !== "" && value !== false).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

export const Section = ({ title, aside, level = "h3", children }) =>
  html`<section><div class="section"><${level}>${title}<//>${aside}</div>${children}</section>`;

/** A choice of one among few, as a row of buttons. */
export const Choice = ({ label, value, options, onChange }) => html`
  <div class="choice" role="radiogroup" aria-label=${label} onKeyDown=${(event) => moveChoice(event, value, options, onChange)}>
    ${options.map(
      ([key, text]) =>
        html`<button type="button" role="radio" aria-checked=${key === value} tabindex=${key === value ? 0 : -1} onClick=${() => onChange(key)}>${text}</button>`,
    )}
  </div>`;

function moveChoice(event, value, options, onChange) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const index = options.findIndex(([key]) => key === value);
  const next = (index + step + options.length) % options.length;
  onChange(options[next][0]);
  event.currentTarget.children[next].focus();
}

/** A list beside what is chosen in it. On a narrow page, only one of the two is shown. */
export const Split = ({ title, aside, list, chosen, back, children }) => html`
  <div class="split ${chosen ? "chosen" : ""}">
    <div class="list"><div class="title"><h1>${title}</h1>${aside}</div>${list}</div>
    <div class="detail">${chosen && html`<a class="back" href=${back}>← ${title}</a>`}${children}</div>
  </div>`;

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function colored(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    parts.push(text.slice(end, match.index));
    const kind = match[2] ? "key" : match[1] ? "string" : "value";
    parts.push(html`<span class=${kind}>${match[1] ?? match[0]}</span>`, match[2] ?? "");
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

const LONGEST_COLORED = 40_000;
const LONGEST_STRING = 2_000;

/** JSON with colors, any other text as it is. */
export const Code = ({ text, label }) => {
  let shown = text ?? "";
  let isJson = false;
  try {
    shown = JSON.stringify(JSON.parse(shown), shorten, 2);
    isJson = true;
  } catch {
    // Not JSON, or cut off.
  }
  return html`<pre class="code" tabindex="0" role="region" aria-label=${label}>${isJson && shown.length < LONGEST_COLORED ? colored(shown) : shown}</pre>`;
};

function shorten(_, value) {
  if (typeof value === "string" && value.length > LONGEST_STRING) return `${value.slice(0, 120)}… (${value.length} characters)`;
  if (Array.isArray(value) && value.length > 24 && value.every((item) => typeof item === "number"))
    return [...value.slice(0, 6), `… ${value.length} numbers`];
  return value;
}

/** A body as the API describes it. */
export const Body = ({ body, label }) => {
  if (!body) return null;
  if (body.text == null) return html`<p class="quiet">${body.bytes == null ? "Too large to keep." : `${bytes(body.bytes)} of ${body.type ?? "binary data"}`}</p>`;
  if (body.bytes === 0) return html`<p class="quiet">Empty.</p>`;
  return html`<${Code} text=${body.text} label=${label} />${body.cut && html`<p class="quiet">The first 64 KB of ${bytes(body.bytes)}.</p>`}`;
};

/** Lines of a log, shown from the end. */
export const Log = ({ text, label }) => {
  const ref = useRef(null);
  useEffect(() => {
    ref.current.scrollTop = ref.current.scrollHeight;
  }, [text]);
  const lines = (text ?? "").trimEnd().split("\n");
  return html`<pre class="code log" ref=${ref} tabindex="0" role="region" aria-label=${label}>
    ${lines.map((line) => html`<span class=${lineKind(line)}>${line + "\n"}</span>`)}
  </pre>`;
};

function lineKind(line) {
  if (/\b(START|END|REPORT|INIT_START) |^\S+ \S+ (START|END|REPORT|INIT_START)/.test(line)) return "quiet";
  return /\b(ERROR|Error|Traceback|Task timed out|"level":"ERROR")\b/.test(line) ? "bad" : "";
}

/** A file dropped or chosen. */
export const Drop = ({ label, accept, file, onFile }) => {
  const [over, setOver] = useState(false);
  const [url, setUrl] = useState(null);
  useEffect(() => {
    if (!file?.type.startsWith("image/")) return setUrl(null);
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) onFile(event.dataTransfer.files[0]);
  };
  return html`<label class="drop ${over ? "over" : ""}" onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <input type="file" accept=${accept} onChange=${(event) => event.target.files[0] && onFile(event.target.files[0])} />
    ${url ? html`<img src=${url} alt="The chosen picture" />` : html`<span>${label}</span>`}
    ${file && html`<small>${file.name} · ${bytes(file.size)}</small>`}
  </label>`;
};
