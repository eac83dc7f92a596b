// Workflows: the graph of each state machine, and what its executions did.

import { post, useContent, useEvents } from "./api.js";
import { StateGraph } from "./graph.js";
import { Code, Empty, Facts, Failed, Loading, Outcome, Section, Split, clock, html, link, milliseconds, shortName } from "./ui.js";
import { useEffect, useState } from "./vendor/htm-preact.js";

export function Workflows({ address }) {
  const [machines, error, again] = useContent("machines", ["change"]);
  useEvents(["execution"], (row) => (row.status !== "RUNNING" || isNew(machines, row)) && again(), [machines]);
  if (error) return html`<${Failed} error=${error} />`;
  if (!machines) return html`<${Split} title="Workflows" list=${html`<${Loading} />`} />`;
  if (!machines.length) return html`<${Empty} alone title="No workflow is deployed yet">State machines appear here with their graph and their executions.<//>`;
  const [name, arn] = address;
  const machine = machines.find((one) => one.name === name);
  const names = machines.map((one) => one.name);
  const list = html`${machines.map(
    (one) => html`<h2 class="group"><a href=${link("workflows", one.name)} aria-current=${one === machine && !arn ? "true" : undefined}>${shortName(one.name, names)}</a><small>${one.type.toLowerCase()}</small></h2>
      <ul class="rows">
        ${one.executions.slice(0, one === machine ? 100 : 5).map((execution) => html`<${Row} key=${execution.arn} execution=${execution} chosen=${execution.arn === arn} />`)}
        ${!one.executions.length && html`<li class="quiet pad small">No execution yet.</li>`}
      </ul>`,
  )}`;
  return html`<${Split} title="Workflows" list=${list} chosen=${machine} back="#/workflows">
    ${arn
      ? html`<${Execution} key=${arn} machine=${name} title=${shortName(name, names)} arn=${arn} />`
      : machine
        ? html`<${Machine} key=${name} machine=${machine} />`
        : html`<${Empty} title="Live">Open a workflow to see its graph, or an execution to see which states it went through, when, and with what.<//>`}
  <//>`;
}

const isNew = (machines, row) => !machines?.some((machine) => machine.executions.some((one) => one.arn === row.arn));

function Row({ execution, chosen }) {
  return html`<li>
    <a href=${link("workflows", execution.machine, execution.arn)} aria-current=${chosen ? "true" : undefined}>
      <${Outcome} status=${execution.status} /><span class="grow small quiet">${execution.error ?? execution.name.slice(0, 8)}</span>
      <span class="when">${[milliseconds(execution.ms), clock(execution.at)].filter(Boolean).join(" · ")}</span>
    </a>
  </li>`;
}

function Machine({ machine }) {
  const [chosen, setChosen] = useState(null);
  return html`
    <div class="heading"><h2>${machine.name}</h2></div>
    <${Facts} rows=${[["Type", machine.type.toLowerCase()], ["States", count(machine.definition)], ["Executions", machine.executions.length]]} />
    <div class="wide"><${StateGraph} definition=${machine.definition} chosen=${chosen} onChoose=${setChosen} /></div>
    ${chosen && html`<${Section} title=${chosen}><${Code} text=${JSON.stringify(find(machine.definition, chosen))} label="Definition of the state" /><//>`}
    <${Start} machine=${machine.name} input=${"{}"} />`;
}

const count = (part) => Object.values(part.States).reduce((sum, state) => sum + 1 + nested(state).reduce((more, one) => more + count(one), 0), 0);

const nested = (state) => state.Branches ?? [state.ItemProcessor ?? state.Iterator].filter(Boolean);

function find(part, name) {
  if (part.States[name]) return part.States[name];
  for (const state of Object.values(part.States))
    for (const one of nested(state)) {
      const found = find(one, name);
      if (found) return found;
    }
  return null;
}

function Start({ machine, input }) {
  const [text, setText] = useState(input);
  const [error, setError] = useState(null);
  const start = async (event) => {
    event.preventDefault();
    try {
      const execution = await post(`machines/${encodeURIComponent(machine)}/executions`, { input: text });
      location.hash = link("workflows", machine, execution.arn);
    } catch (failed) {
      setError(failed.message);
    }
  };
  return html`<form onSubmit=${start}>
    <${Section} title="Start an execution">
      <label class="field"><span>Input <small>JSON</small></span><textarea spellcheck="false" rows=${Math.min(12, text.split("\n").length + 1)} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
      <div class="send"><button class="primary">Start</button></div>
      ${error && html`<${Failed} error=${error} />`}
    <//>
  </form>`;
}

function Execution({ machine, title, arn }) {
  const [execution, error, again] = useContent(`executions/${encodeURIComponent(arn)}`);
  const [chosen, setChosen] = useState(null);
  const [failed, setFailed] = useState(null);
  useEvents(["execution"], (row) => row.arn === arn && again(), [arn]);
  if (error) return html`<${Failed} error=${error} />`;
  if (!execution) return html`<${Loading} />`;
  const restart = async () => {
    try {
      const started = await post(`machines/${encodeURIComponent(machine)}/executions`, { input: execution.input });
      location.hash = link("workflows", machine, started.arn);
    } catch (problem) {
      setFailed(problem.message);
    }
  };
  const visits = execution.rows.filter((row) => row.state === chosen);
  return html`
    <div class="heading"><h2>${title}</h2><${Outcome} status=${execution.status} />
      <button type="button" class="button end" onClick=${restart}>Restart with the same input</button></div>
    ${failed && html`<${Failed} error=${failed} />`}
    <${Facts} rows=${[["Started", clock(execution.at)], ["Duration", milliseconds(execution.ms)], ["Visits to states", execution.rows.length], ["Functions invoked", execution.invocations.length], ["Execution", html`<code>${execution.name}</code>`]]} />
    ${execution.error && html`<p class="notice"><strong>${execution.error}</strong> ${cause(execution.cause)}</p>`}
    <div class="wide"><${StateGraph} definition=${execution.definition} rows=${execution.rows} chosen=${chosen} onChoose=${(name) => setChosen(name === chosen ? null : name)} /></div>
    ${visits.map((row) => html`<${Visit} row=${row} />`)}
    ${chosen && !visits.length && html`<${Section} title=${chosen}><p class="quiet">The execution did not enter this state.</p><//>`}
    <${Timeline} execution=${execution} chosen=${chosen} onChoose=${setChosen} />
    <${Section} title="Input"><${Code} text=${execution.input} label="Input" /><//>
    ${execution.output != null && html`<${Section} title="Output"><${Code} text=${execution.output} label="Output" /><//>`}
    <${Section} title="History"><details><summary>${execution.events.length} events</summary><${History} events=${execution.events} /></details><//>`;
}

function cause(text) {
  try {
    return JSON.parse(text).errorMessage ?? text;
  } catch {
    return text ?? "";
  }
}

function Visit({ row }) {
  const title = row.iteration == null ? row.state : `${row.state} [${row.iteration}]`;
  const aside = html`<span class="meta">${row.outcome}${row.attempts > 1 ? `, ${row.attempts} attempts` : ""} · ${milliseconds(row.duration_ms)}</span>`;
  return html`<${Section} title=${title} aside=${aside}>
    ${row.error && html`<p class="notice"><strong>${row.error}</strong> ${cause(row.cause)}</p>`}
    <div class="two"><div><small class="quiet">Input</small><${Code} text=${row.input} label="Input of the state" /></div>
    ${row.output != null && html`<div><small class="quiet">Output</small><${Code} text=${row.output} label="Output of the state" /></div>`}</div>
  <//>`;
}

function Timeline({ execution, chosen, onChoose }) {
  const rows = execution.rows;
  const whole = Math.max(1, ...rows.map((row) => row.start_ms + row.duration_ms));
  return html`<${Section} title="Timeline" aside=${html`<span class="meta">${milliseconds(whole)}</span>`}>
    <ol class="timeline">
      ${rows.map((row) => {
        const bar = { left: `${(row.start_ms / whole) * 100}%`, width: `${Math.max(0.4, (row.duration_ms / whole) * 100)}%` };
        return html`<li>
          <button type="button" aria-pressed=${row.state === chosen} onClick=${() => onChoose(row.state)}>
            <span class="name" style=${{ paddingLeft: `${row.depth * 14}px` }}>${row.state}${row.iteration == null ? "" : ` [${row.iteration}]`}</span>
            <span class="track"><i class=${row.outcome.replace(" ", "-")} style=${bar}></i></span>
            <span class="took">${milliseconds(row.duration_ms)}</span>
          </button>
        </li>`;
      })}
    </ol>
  <//>`;
}

function History({ events }) {
  const [first] = events;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="History"><table>
    <thead><tr><th>#</th><th>Event</th><th>State</th><th>After</th></tr></thead>
    <tbody>${events.map((event) => html`<tr><td>${event.id}</td><td>${event.type}</td><td>${event.name ?? event.error ?? ""}</td><td>${milliseconds((event.at - first.at) * 1000)}</td></tr>`)}</tbody>
  </table></div>`;
}
