// APIs: the routes of each deployed stage, and a form that calls them.

import { call, useContent } from "./api.js";
import { Choice, Code, Drop, Empty, Facts, Failed, Loading, Method, Section, Split, Status, bytes, html, link, milliseconds, shortName } from "./ui.js";
import { useEffect, useState } from "./vendor/htm-preact.js";

const CALLERS = [["user", "User"], ["token", "Key"], ["operator", "Operator"], ["anonymous", "No credentials"]];
const AUTHORIZATION = { NONE: "public", AWS_IAM: "IAM (SigV4)", COGNITO_USER_POOLS: "user pool", CUSTOM: "Lambda authorizer" };
const WITH_BODY = ["POST", "PUT", "PATCH", "ANY"];

export function Apis({ address }) {
  const [apis, error] = useContent("apis", ["change"]);
  const [filter, setFilter] = useState("");
  if (error) return html`<${Failed} error=${error} />`;
  if (!apis) return html`<${Split} title="APIs" list=${html`<${Loading} />`} />`;
  if (!apis.length)
    return html`<${Empty} alone title="No API is deployed yet">Run <code>make serve</code> to deploy a stack to this local cloud. Its routes then appear here.<//>`;
  const [id, stage, key] = address;
  const api = apis.find((one) => one.id === id && one.stage === stage);
  const route = api?.routes.find((one) => routeKey(one) === key);
  const list = html`
    <input class="filter" type="search" aria-label="Filter routes" placeholder="Filter routes" value=${filter} onInput=${(event) => setFilter(event.target.value)} />
    ${apis.map((one) => html`<${Routes} api=${one} filter=${filter.toLowerCase()} chosen=${one === api ? key : null} />`)}`;
  return html`<${Split} title="APIs" list=${list} chosen=${route} back="#/apis">
    ${route ? html`<${Route} key=${id + key} api=${api} route=${route} />` : html`<${Overview} apis=${apis} />`}
  <//>`;
}

const routeKey = (route) => `${route.method} ${route.path}`;

function operation(api, route) {
  return api.document?.paths?.[route.path]?.[route.method.toLowerCase()];
}

function Routes({ api, filter, chosen }) {
  const routes = api.routes.filter((route) => `${route.method} ${route.path} ${route.target?.name}`.toLowerCase().includes(filter));
  return html`<h2 class="group">${api.name}<small>${api.stage}</small></h2>
    <ul class="rows">
      ${routes.map(
        (route) => html`<li>
          <a href=${link("apis", api.id, api.stage, routeKey(route))} aria-current=${routeKey(route) === chosen ? "true" : undefined}>
            <${Method} name=${route.method} /><span class="path">${route.path}</span>
          </a>
        </li>`,
      )}
    </ul>`;
}

function Overview({ apis }) {
  return apis.map((api) => {
    const services = new Set(api.routes.map((route) => route.target?.name));
    return html`<div class="overview">
      <h2>${api.name}</h2>
      <p class="quiet">Choose a route to call it. Credentials and an example are filled in.</p>
      <${Facts} rows=${[["Invoke URL", html`<code>${location.origin + api.path}</code>`], ["Routes", api.routes.length], ["Targets", services.size], ["Region", api.region], ["Firewall", api.firewall ? "on" : "none"]]} />
    </div>`;
  });
}

function Route({ api, route }) {
  const described = operation(api, route);
  const names = api.routes.filter((one) => one.target?.kind === route.target?.kind).map((one) => one.target.name);
  const target = route.target && html`<a href=${link(route.target.kind === "workflow" ? "workflows" : "functions", route.target.name)}>${shortName(route.target.name, names)}</a>`;
  return html`
    <div class="heading"><${Method} name=${route.method} /><h2 class="path">${route.path}</h2></div>
    ${described?.summary && html`<p class="summary">${described.summary}</p>`}
    <${Facts}
      rows=${[
        ["Authorization", AUTHORIZATION[route.authorization.kind] + (route.authorization.name ? ` (${route.authorization.name})` : "")],
        ["API key", route.api_key && "required"],
        [route.target?.kind === "workflow" ? "Workflow" : "Function", target],
        ["Throttle", route.rate != null && `${route.rate} a second, burst ${route.burst}`],
        ["Timeout", route.timeout_seconds != null && `${route.timeout_seconds} s`],
        ["Body", route.validates_body && "validated by a model"],
        ["Response", route.streams && "streamed"],
      ]}
    />
    <${TryIt} api=${api} route=${route} described=${described} />`;
}

function startCaller(route) {
  return { AWS_IAM: "operator", NONE: "anonymous" }[route.authorization.kind] ?? "user";
}

function TryIt({ api, route, described }) {
  const content = described?.requestBody?.content ?? {};
  const types = Object.keys(content);
  const rawType = types.find((type) => type !== "application/json");
  const [caller, setCaller] = useState(startCaller(route));
  const [token, setToken] = useState(sessionStorage.getItem("token") ?? "");
  const [kind, setKind] = useState(rawType && !content["application/json"]?.example ? "file" : "json");
  const [text, setText] = useState(() => exampleText(api.document, content["application/json"]));
  const [file, setFile] = useState(null);
  const [values, setValues] = useState(() => startValues(route, described));
  const [state, setState] = useState({ running: false, answer: null, error: null });
  const hasBody = WITH_BODY.includes(route.method);
  const send = async (event) => {
    event?.preventDefault();
    setState({ running: true, answer: null, error: null });
    const method = route.method === "ANY" ? "POST" : route.method;
    const body = !hasBody ? null : kind === "file" ? file : text;
    const type = kind === "file" ? file?.type : "application/json";
    const headers = { ...(body != null && { "Content-Type": type }), ...named(values, "header") };
    try {
      const onText = (partial) => route.streams && setState((old) => ({ ...old, answer: { partial: true, text: partial } }));
      const answer = await call(api, { method, path: filled(route.path, values) + query(values), caller, token, headers, body, onText });
      setState({ running: false, answer, error: null });
    } catch (error) {
      setState({ running: false, answer: null, error: error.message });
    }
  };
  const keys = (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && send(event);
  return html`<form class="try" onSubmit=${send} onKeyDown=${keys}>
    <${Section} title="Try it" aside=${html`<${Choice} label="Caller" value=${caller} options=${CALLERS} onChange=${setCaller} />`}>
      ${caller === "token" && html`<label class="field"><span>Key or token <small>sent as Authorization: Bearer</small></span><input type="password" autocomplete="off" required value=${token} onInput=${(event) => (setToken(event.target.value), sessionStorage.setItem("token", event.target.value))} /></label>`}
      ${values.map((value, index) => {
        const change = (event) => setValues(values.map((one, at) => (at === index ? { ...one, value: event.target.value } : one)));
        return html`<label class="field"><span>${value.name} <small>${value.in}</small></span><input value=${value.value} required=${value.in === "path"} onInput=${change} /></label>`;
      })}
      ${hasBody && rawType && html`<${Choice} label="Body" value=${kind} options=${[["json", "JSON"], ["file", "File"]]} onChange=${setKind} />`}
      ${hasBody && kind === "json" && html`<label class="field"><span>Body <small>application/json</small></span><textarea spellcheck="false" rows=${Math.min(16, text.split("\n").length + 1)} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>`}
      ${hasBody && kind === "file" && html`<${Drop} label="Drop a file here, or choose one" accept=${types.filter((type) => type !== "application/json").join(",")} file=${file} onFile=${setFile} />`}
      <div class="send"><button class="primary" disabled=${state.running || (hasBody && kind === "file" && !file)}>${state.running ? "Sending…" : "Send"}</button><small class="quiet">Ctrl + Enter</small></div>
    <//>
    ${state.error && html`<${Failed} error=${state.error} />`}
    ${state.answer && html`<${Answer} answer=${state.answer} />`}
  </form>`;
}

function Answer({ answer }) {
  if (answer.partial) return html`<${Section} title="Answer" aside=${html`<span class="pill live">streaming</span>`}><${Code} text=${answer.text} label="Answer so far" /><//>`;
  const aside = html`<span class="meta"><${Status} code=${answer.status} /> ${milliseconds(answer.ms)} · ${bytes(new Blob([answer.text]).size)} ${answer.id && html`<a href=${link("requests", answer.id)}>request</a>`}</span>`;
  return html`<${Section} title="Answer" aside=${aside}>${answer.text ? html`<${Code} text=${answer.text} label="Answer" />` : html`<p class="quiet">Empty.</p>`}<//>`;
}

function startValues(route, described) {
  const path = [...route.path.matchAll(/\{([^}+]+)\+?\}/g)].map((match) => ({ name: match[1], in: "path", value: "" }));
  const others = (described?.parameters ?? []).filter((one) => one.in !== "path").map((one) => ({ name: one.name, in: one.in, value: "" }));
  return [...path, ...others];
}

const filled = (path, values) =>
  path.replace(/\{([^}+]+)\+?\}/g, (whole, name) => encodeURIComponent(values.find((one) => one.in === "path" && one.name === name)?.value || whole));

const named = (values, place) => Object.fromEntries(values.filter((one) => one.in === place && one.value).map((one) => [one.name, one.value]));

function query(values) {
  const text = new URLSearchParams(named(values, "query")).toString();
  return text && `?${text}`;
}

function exampleText(document, media) {
  if (!media) return "{}";
  return JSON.stringify(media.example ?? sample(document, media.schema, 0) ?? {}, null, 2);
}

/** A value that fits a schema, as far as that is easy: for routes whose document has no example. */
function sample(document, schema, depth) {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return sample(document, schema.$ref.split("/").slice(1).reduce((value, key) => value?.[key], document), depth + 1);
  for (const known of [schema.const, schema.default, schema.examples?.[0], schema.enum?.[0]]) if (known !== undefined) return known;
  const choice = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
  if (choice) return sample(document, choice, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") {
    const wanted = schema.required ?? [];
    return Object.fromEntries(wanted.map((name) => [name, sample(document, schema.properties?.[name], depth + 1)]));
  }
  if (type === "array") return [sample(document, schema.items, depth + 1)];
  return { string: "", integer: schema.minimum ?? 0, number: schema.minimum ?? 0, boolean: false }[type] ?? null;
}
