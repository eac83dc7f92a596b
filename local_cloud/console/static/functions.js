// Functions: their processes, their latest invocations, and the end of their log.

import { useContent } from "./api.js";
import { Empty, Facts, Failed, Loading, Log, Section, Split, bytes, clock, html, link, milliseconds, shortName } from "./ui.js";

export function Functions({ address }) {
  const [functions, error] = useContent("functions", ["invocation", "change"]);
  if (error) return html`<${Failed} error=${error} />`;
  if (!functions) return html`<${Split} title="Functions" list=${html`<${Loading} />`} />`;
  if (!functions.length) return html`<${Empty} alone title="No function is deployed yet">Functions appear here with their processes and logs.<//>`;
  const [name] = address;
  const chosen = functions.find((one) => one.name === name);
  const names = functions.map((one) => one.name);
  const list = html`<ul class="rows">
    ${functions.map(
      (one) => html`<li>
        <a href=${link("functions", one.name)} aria-current=${one === chosen ? "true" : undefined}>
          <span class="grow">${shortName(one.name, names)}</span><${Instances} instances=${one.instances} />
        </a>
      </li>`,
    )}
  </ul>`;
  return html`<${Split} title="Functions" list=${list} chosen=${chosen} back="#/functions">
    ${chosen
      ? html`<${Details} key=${name} one=${chosen} />`
      : html`<${Empty} title=${`${functions.reduce((sum, one) => sum + one.instances.length, 0)} processes`}>A function gets a process at its first call. It is kept for five minutes, so that the next calls are warm.<//>`}
  <//>`;
}

function Instances({ instances }) {
  const busy = instances.filter((one) => one.state === "busy").length;
  const text = instances.length ? `${instances.length} warm${busy ? `, ${busy} busy` : ""}` : "cold";
  return html`<span class="when">${text}</span>`;
}

function Details({ one }) {
  const [log] = useContent(`logs/functions/${encodeURIComponent(one.name)}`, ["invocation"]);
  const times = one.invocations.map((row) => row.ms).sort((a, b) => a - b);
  return html`
    <div class="heading"><h2>${one.name}</h2></div>
    ${one.description && html`<p class="summary">${one.description}</p>`}
    <${Facts}
      rows=${[
        ["Runtime", one.runtime ?? "image"],
        ["Memory", `${one.memory_mb} MB`],
        ["Timeout", `${one.timeout_seconds} s`],
        ["Code", bytes(one.code_bytes)],
        ["Latest invocations", `${times.length}, ${one.invocations.filter((row) => row.failed).length} failed`],
        ["Cold starts", `${one.invocations.filter((row) => row.init_ms != null).length}`],
        ["Handler", one.handler],
        ["Median", times.length && milliseconds(times[Math.floor(times.length / 2)])],
      ]}
    />
    <${Section} title="Instances">
      ${one.instances.length ? html`<${Processes} one=${one} />` : html`<p class="quiet">None. The next call starts one.</p>`}
    <//>
    <${Section} title="Latest invocations">
      ${one.invocations.length ? html`<${Invocations} rows=${one.invocations.slice(0, 20)} />` : html`<p class="quiet">None since the local cloud started.</p>`}
    <//>
    <${Section} title="Log">${log?.text ? html`<${Log} text=${log.text} label="Log" />` : html`<p class="quiet">Empty.</p>`}<//>`;
}

function Processes({ one }) {
  return html`<ul class="processes">
    ${one.instances.map(
      (each) => html`<li><span class="pill ${each.state === "busy" ? "live" : "plain"}">${each.state}</span> process ${each.pid}, version ${each.version}
        <meter min="0" max=${one.memory_mb} value=${each.used_mb} aria-label="Memory in MB">${each.used_mb}</meter><small class="quiet">${each.used_mb} of ${one.memory_mb} MB</small></li>`,
    )}
  </ul>`;
}

function Invocations({ rows }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Latest invocations"><table>
    <thead><tr><th>Started</th><th>Duration</th><th>Cold start</th><th>Memory</th><th>Result</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr><td>${clock(row.at)}</td><td>${milliseconds(row.ms)}</td><td>${milliseconds(row.init_ms)}</td><td>${row.used_mb} MB</td><td>${row.failed ? html`<span class="pill bad">failed</span>` : "ok"}</td></tr>`)}</tbody>
  </table></div>`;
}
