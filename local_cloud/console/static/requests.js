// Requests: as they are answered, and what became of each.

import { useContent, useEvents } from "./api.js";
import { Body, Code, Empty, Facts, Failed, Loading, Log, Method, Outcome, Section, Split, Status, bytes, clock, html, link, milliseconds } from "./ui.js";
import { useEffect, useState } from "./vendor/htm-preact.js";

const MOST_SHOWN = 300;

export function Requests({ address }) {
  const [rows, error] = useContent("requests");
  const [newer, setNewer] = useState([]);
  const [onlyFailed, setOnlyFailed] = useState(false);
  useEffect(() => setNewer([]), [rows]);
  useEvents(["request"], (row) => setNewer((before) => [row, ...before]));
  if (error) return html`<${Failed} error=${error} />`;
  const known = new Set(newer.map((row) => row.number));
  const all = [...newer, ...(rows ?? []).filter((row) => !known.has(row.number))];
  const shown = all.filter((row) => !onlyFailed || row.status >= 400).slice(0, MOST_SHOWN);
  const [id] = address;
  const aside = html`<label class="check"><input type="checkbox" checked=${onlyFailed} onChange=${(event) => setOnlyFailed(event.target.checked)} /> only errors</label>`;
  const list = !rows
    ? html`<${Loading} />`
    : shown.length
      ? html`<ul class="rows requests">${shown.map((row) => html`<${Row} key=${row.number} row=${row} chosen=${row.id === id} />`)}</ul>`
      : html`<p class="quiet pad">${onlyFailed ? "No request was answered with an error." : "Requests to deployed APIs appear here as they are answered."}</p>`;
  return html`<${Split} title="Requests" aside=${aside} list=${list} chosen=${id} back="#/requests">
    ${id
      ? html`<${Details} key=${id} id=${id} />`
      : html`<${Empty} title="Live">Open a request to see its event, its answer, the log of its functions, and the step that rejected it.<//>`}
  <//>`;
}

function Row({ row, chosen }) {
  return html`<li>
    <a href=${link("requests", row.id)} aria-current=${chosen ? "true" : undefined}>
      <${Status} code=${row.status} /><${Method} name=${row.method} />
      <span class="path">${row.path}</span>
      <span class="when">${milliseconds(row.ms)}<small>${clock(row.at)}</small></span>
      ${row.refused && html`<span class="why">${row.refused.step}: ${row.refused.why}</span>`}
    </a>
  </li>`;
}

function Details({ id }) {
  const [request, error] = useContent(`requests/${id}`);
  if (error) return html`<${Failed} error=${error} />`;
  if (!request) return html`<${Loading} />`;
  return html`
    <div class="heading"><${Method} name=${request.method} /><h2 class="path">${request.path}${request.query && `?${request.query}`}</h2><${Status} code=${request.status} /></div>
    ${request.refused && html`<p class="notice"><strong>Rejected at: ${request.refused.step}.</strong> ${request.refused.why}${request.validation_error && html`<br />${request.validation_error}`}</p>`}
    <${Facts}
      rows=${[
        ["Time", `${clock(request.at)}, ${milliseconds(request.ms)}`],
        ["Integration", request.integration_ms != null && milliseconds(request.integration_ms)],
        ["Answer", request.streamed ? `${bytes(request.bytes)}, streamed` : bytes(request.bytes)],
        ["Route", request.route && `${request.route} of ${request.api}, ${request.stage}`],
        ["Error", request.error && request.error.type],
        ["Request id", html`<code>${request.id}</code>`],
      ]}
    />
    ${request.executions.map((one) => html`<${Execution} execution=${one} />`)}
    <${Section} title="Request" aside=${request.caller && html`<span class="meta">from ${request.caller["cognito:username"] ?? request.caller.principalId ?? "a caller"}</span>`}><${Headers} headers=${request.request_headers} /><${Body} body=${request.request_body} label="Body of the request" /><//>
    <${Section} title="Response"><${Headers} headers=${request.response_headers} />${request.streamed ? html`<p class="quiet">Streamed to the client; not kept.</p>` : html`<${Body} body=${request.response_body} label="Body of the response" />`}<//>
    ${request.invocations.map((one) => html`<${Invocation} invocation=${one} />`)}
    ${request.caller && html`<${Section} title="Caller"><details><summary>What the authorizer says</summary><${Code} text=${JSON.stringify(request.caller)} label="Caller" /></details><//>`}`;
}

function Execution({ execution }) {
  return html`<${Section} title="Workflow" aside=${html`<${Outcome} status=${execution.status} />`}>
    <p><a href=${link("workflows", execution.machine, execution.arn)}>${execution.machine}</a> <span class="quiet">${milliseconds(execution.ms)}</span></p>
  <//>`;
}

function Headers({ headers }) {
  return html`<details><summary>${headers.length} headers</summary><${Facts} rows=${headers} /></details>`;
}

function Invocation({ invocation }) {
  const cold = invocation.init_ms == null ? "" : ` after a cold start of ${milliseconds(invocation.init_ms)}`;
  const aside = html`<span class="meta">${invocation.failed && html`<span class="pill bad">failed</span>`} ${milliseconds(invocation.ms)}${cold} · ${invocation.used_mb} of ${invocation.memory_mb} MB</span>`;
  return html`<${Section} title=${html`Function <a href=${link("functions", invocation.function)}>${invocation.function}</a>`} aside=${aside}>
    <details><summary>Event</summary><${Body} body=${invocation.event} label="Event" /></details>
    <details><summary>Answer</summary><${Body} body=${invocation.answer} label="Answer of the function" /></details>
    <${Log} text=${invocation.log} label=${`Log of ${invocation.function}, ${invocation.request_id.slice(0, 8)}`} />
  <//>`;
}
