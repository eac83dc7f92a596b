// Playground: a conversation with the models behind the API, and services that take a picture or a text.

import { call, useContent } from "./api.js";
import { Choice, Code, Drop, Empty, Failed, Loading, Section, Status, html, link, milliseconds } from "./ui.js";
import { useEffect, useRef, useState } from "./vendor/htm-preact.js";

export function Playground() {
  const [apis, error] = useContent("apis", ["change"]);
  const [tab, setTab] = useState(null);
  if (error) return html`<${Failed} error=${error} />`;
  if (!apis) return html`<${Loading} />`;
  const routes = apis.flatMap((api) => api.routes.map((route) => ({ api, route, described: api.document?.paths?.[route.path]?.[route.method.toLowerCase()] })));
  const chat = routes.find(({ route }) => route.method === "POST" && route.path.endsWith("/chat/completions"));
  const pictures = routes.filter(({ described }) => mediaTypes(described).some((type) => type.startsWith("image/")));
  const texts = routes.filter(({ api, route, described }) => route.method === "POST" && wantsText(api.document, described));
  const tabs = [chat && ["chat", "Chat"], pictures.length && ["picture", "Picture"], texts.length && ["text", "Text"]].filter(Boolean);
  if (!tabs.length) return html`<${Empty} alone title="Nothing to play with yet">Routes that answer conversations, pictures or texts appear here once they are deployed.<//>`;
  const shown = tab ?? tabs[0][0];
  return html`<div class="page">
    <div class="title"><h1>Playground</h1><${Choice} label="Kind" value=${shown} options=${tabs} onChange=${setTab} /></div>
    ${shown === "chat" && html`<${Chat} target=${chat} routes=${routes} />`}
    ${shown === "picture" && html`<${Picture} targets=${pictures} />`}
    ${shown === "text" && html`<${Text} targets=${texts} />`}
  </div>`;
}

const mediaTypes = (described) => Object.keys(described?.requestBody?.content ?? {});

function wantsText(document, described) {
  let schema = described?.requestBody?.content?.["application/json"]?.schema;
  if (schema?.$ref) schema = schema.$ref.split("/").slice(1).reduce((value, key) => value?.[key], document);
  return schema?.required?.length === 1 && schema.required[0] === "text";
}

function Chat({ target, routes }) {
  const [models, setModels] = useState([]);
  const [model, setModel] = useState("");
  const [turns, setTurns] = useState([]);
  const [text, setText] = useState("");
  const [running, setRunning] = useState(null);
  const [error, setError] = useState(null);
  const end = useRef(null);
  const { api, route } = target;
  useEffect(() => {
    const path = route.path.replace(/chat\/completions$/, "models");
    if (!routes.some((one) => one.api === api && one.route.path === path)) return;
    call(api, { method: "GET", path, caller: "user" }).then((answer) => {
      const found = (JSON.parse(answer.text).data ?? []).filter((one) => one.owned_by !== "embeddings").map((one) => one.id);
      setModels(found);
      setModel((before) => before || found[0] || "");
    }, (failed) => setError(failed.message));
  }, [api.id]);
  useEffect(() => end.current?.scrollIntoView({ block: "end" }), [turns]);
  const send = async (event) => {
    event?.preventDefault();
    if (!text.trim() || running) return;
    const asked = [...turns, { role: "user", content: text }];
    setTurns([...asked, { role: "assistant", content: "" }]);
    setText("");
    setError(null);
    const abort = new AbortController();
    setRunning(abort);
    const messages = asked.map(({ role, content }) => ({ role, content }));
    const stream = route.streams;
    const body = JSON.stringify({ model, messages, max_tokens: 256, ...(stream && { stream, stream_options: { include_usage: true } }) });
    const show = (more) => setTurns([...asked, { role: "assistant", content: "", ...more }]);
    try {
      const onText = (partial) => stream && show(read(partial));
      const answer = await call(api, { method: "POST", path: route.path, caller: "user", headers: { "Content-Type": "application/json" }, body, signal: abort.signal, onText });
      const found = read(answer.text);
      show({ ...found, note: note(answer, found, stream), id: answer.id });
      if (found.error) setError(found.error);
    } catch (failed) {
      if (failed.name !== "AbortError") setError(failed.message);
    } finally {
      setRunning(null);
    }
  };
  const keys = (event) => {
    if (event.key === "Enter" && !event.shiftKey) send(event);
  };
  return html`<div class="chat">
    <div class="turns" tabindex="0" role="log" aria-label="Conversation">
      ${!turns.length && html`<p class="quiet">Say something. The answer comes from <code>${route.path}</code>${route.streams ? ", token by token" : ""}.</p>`}
      ${turns.map((turn) => html`<div class="turn ${turn.role}"><p>${turn.content || "…"}</p>${turn.note && html`<small class="quiet">${turn.note} · <a href=${link("requests", turn.id)}>request</a></small>`}</div>`)}
      <span ref=${end}></span>
    </div>
    ${error && html`<${Failed} error=${error} />`}
    <form class="ask" onSubmit=${send}>
      <textarea rows="2" aria-label="Message" placeholder="Message" value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="send">
        <label class="model"><span class="quiet small">Model</span> <select value=${model} onChange=${(event) => setModel(event.target.value)}>${models.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
        ${running ? html`<button type="button" class="button end" onClick=${() => running.abort()}>Stop</button>` : html`<button class="primary end" disabled=${!text.trim()}>Send</button>`}
      </div>
    </form>
  </div>`;
}

/** The text of an answer in OpenAI's form: whole, or its chunks so far. */
function read(text) {
  const found = { content: "", usage: null, error: null };
  const take = (part) => {
    const choice = part.choices?.[0];
    found.content += choice?.delta?.content ?? choice?.message?.content ?? "";
    found.usage = part.usage ?? found.usage;
    found.error = part.error?.message ?? part.message ?? found.error;
  };
  try {
    if (/^(data|:|event)/.test(text))
      for (const line of text.split("\n")) {
        if (line.startsWith("data: {")) take(JSON.parse(line.slice(6)));
      }
    else take(JSON.parse(text));
  } catch {
    // A chunk whose rest has not come yet.
  }
  return found;
}

function note(answer, found, stream) {
  const tokens = found.usage?.completion_tokens;
  const rate = tokens && stream ? `, ${(tokens / Math.max(0.001, (answer.ms - answer.first) / 1000)).toFixed(0)} tokens a second` : "";
  return [stream && `first token after ${milliseconds(answer.first)}`, `${milliseconds(answer.ms)}${rate}`, tokens && `${tokens} tokens`].filter(Boolean).join(" · ");
}

function Service({ targets, choose, chosen }) {
  return html`<label class="field"><span>Service</span><select value=${chosen} onChange=${(event) => choose(Number(event.target.value))}>
    ${targets.map(({ route, described }, index) => html`<option value=${index}>${route.path}: ${described.summary}</option>`)}
  </select></label>`;
}

function useAnswer() {
  const [state, setState] = useState({});
  const ask = async (target, headers, body) => {
    setState({ running: true });
    try {
      setState({ answer: await call(target.api, { method: target.route.method, path: target.route.path, caller: "user", headers, body }) });
    } catch (error) {
      setState({ error: error.message });
    }
  };
  const shown = html`
    ${state.running && html`<${Section} level="h2" title="Answer"><${Loading} /><//>`}
    ${state.error && html`<${Failed} error=${state.error} />`}
    ${state.answer && html`<${Section} level="h2" title="Answer" aside=${html`<span class="meta"><${Status} code=${state.answer.status} /> ${milliseconds(state.answer.ms)} <a href=${link("requests", state.answer.id)}>request</a></span>`}>
      <${Readable} text=${state.answer.text} /><${Code} text=${state.answer.text} label="Answer" />
    <//>`}`;
  return [shown, ask];
}

/** What a person wants to know of an answer first: its text, or its labels. */
function Readable({ text }) {
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  const words = answer.summary ?? answer.text;
  if (typeof words === "string" && words) return html`<pre class="words">${words}</pre>`;
  if (Array.isArray(answer.labels))
    return html`<ul class="labels">${answer.labels.slice(0, 8).map((one) => html`<li><span>${one.name}</span><meter min="0" max="1" value=${one.confidence} aria-label=${one.name}></meter><small class="quiet">${Math.round(one.confidence * 100)} %</small></li>`)}</ul>`;
  return null;
}

function Picture({ targets }) {
  const [chosen, choose] = useState(0);
  const [file, setFile] = useState(null);
  const [shown, ask] = useAnswer();
  const pick = (picture, index = chosen) => {
    setFile(picture);
    if (picture) ask(targets[index], { "Content-Type": picture.type }, picture);
  };
  const types = mediaTypes(targets[chosen].described).filter((type) => type.startsWith("image/"));
  return html`<div class="sheet">
    <${Service} targets=${targets} chosen=${chosen} choose=${(index) => (choose(index), pick(file, index))} />
    <${Drop} label="Drop a picture here, or choose one" accept=${types.join(",")} file=${file} onFile=${(picture) => pick(picture)} />
    ${shown}
  </div>`;
}

function Text({ targets }) {
  const [chosen, choose] = useState(0);
  const [text, setText] = useState(targets[0].described.requestBody.content["application/json"].example?.text ?? "");
  const [shown, ask] = useAnswer();
  const send = (event) => {
    event.preventDefault();
    ask(targets[chosen], { "Content-Type": "application/json" }, JSON.stringify({ text }));
  };
  return html`<form class="sheet" onSubmit=${send}>
    <${Service} targets=${targets} chosen=${chosen} choose=${choose} />
    <label class="field"><span>Text</span><textarea rows="6" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
    <div class="send"><button class="primary" disabled=${!text.trim()}>Send</button></div>
    ${shown}
  </form>`;
}
