// Spend: what calls have used and cost, and what the budgets leave, by the routes of the ledger.

import { call, useContent, useEvents } from "./api.js";
import { Choice, Empty, Failed, Loading, Section, Status, html } from "./ui.js";
import { useEffect, useState } from "./vendor/htm-preact.js";

const GROUPS = [["tenant", "Tenant"], ["model", "Model"], ["operation", "Operation"], ["day", "Day"], ["outcome", "Outcome"]];

export const dollars = (nano) => (nano === 0 ? "$0" : nano < 10_000_000 ? `$${(nano / 1e9).toFixed(6)}` : `$${(nano / 1e9).toFixed(2)}`);

const amount = (value, unit) => (unit === "nano_usd" ? dollars(value) : `${value.toLocaleString()} ${unit}`);

export function Spend() {
  const [apis, error] = useContent("apis");
  if (error) return html`<${Failed} error=${error} />`;
  if (!apis) return html`<${Loading} />`;
  const find = (end) => apis.flatMap((api) => api.routes.map((route) => ({ api, route }))).find(({ route }) => route.path.endsWith(end));
  const all = find("/usage/all");
  const own = find("/usage");
  if (!all && !own) return html`<${Empty} alone title="No ledger is deployed">A stack with a meter has routes for its usage. What calls cost, and what budgets leave, then appears here.<//>`;
  return html`<div class="page">
    <div class="title"><h1>Spend</h1></div>
    <div class="sheet">
      ${all && html`<${Usage} target=${all} />`}
      ${own && html`<${Limits} target=${own} />`}
    </div>
  </div>`;
}

/** What a route of the ledger answers, read again when a function has ended. */
function useUsage({ api, route }, caller, query = "") {
  const [state, setState] = useState({});
  const load = () =>
    call(api, { method: "GET", path: route.path + query, caller }).then(
      (answer) => setState(answer.status === 200 ? { usage: JSON.parse(answer.text) } : { status: answer.status, error: answer.text }),
      (failed) => setState({ error: failed.message }),
    );
  useEffect(() => void load(), [api.id, query]);
  // Reading the usage is an invocation too; what it reports of itself must not start the next one.
  useEvents(["request"], (row) => !row.path.includes("/usage") && row.status < 500 && load(), [api.id, query]);
  return state;
}

function Usage({ target }) {
  const [group, setGroup] = useState("tenant");
  const { usage, status, error } = useUsage(target, "operator", `?group_by=${group}`);
  const rows = usage?.data ?? [];
  const most = Math.max(1, ...rows.map((row) => row.nano_usd));
  const sum = rows.reduce((total, row) => total + row.nano_usd, 0);
  return html`<${Section} level="h2" title="This month" aside=${html`<${Choice} label="Group by" value=${group} options=${GROUPS} onChange=${setGroup} />`}>
    ${error && html`<p class="notice">${status && html`<${Status} code=${status} />`} ${error}</p>`}
    ${usage && !rows.length && html`<p class="quiet">No metered call yet.</p>`}
    ${rows.length > 0 && html`<p class="sum">${dollars(sum)}</p>
      <div class="scroll" tabindex="0" role="region" aria-label="Usage"><table>
        <thead><tr><th>${group}</th><th>Requests</th><th>Tokens</th><th>Cost</th><th><span class="hidden">Share</span></th></tr></thead>
        <tbody>${rows.map(
          (row) => html`<tr><td>${row.group || "none"}</td><td>${row.requests}${row.open > 0 ? ` (${row.open} open)` : ""}</td><td>${row.tokens.toLocaleString()}</td><td>${dollars(row.nano_usd)}</td>
            <td><meter min="0" max=${most} value=${row.nano_usd} aria-label="Share"></meter></td></tr>`,
        )}</tbody>
      </table></div>`}
  <//>`;
}

function Limits({ target }) {
  const { usage, status, error } = useUsage(target, "user");
  return html`<${Section} level="h2" title="Budgets of the console's user">
    ${error && html`<p class="notice">${status && html`<${Status} code=${status} />`} ${error}</p>`}
    ${usage && !usage.limits.length && html`<p class="quiet">No limit.</p>`}
    <ul class="processes">
      ${(usage?.limits ?? []).map(
        (one) => html`<li><span>${one.scope}, a ${one.window}</span>
          <meter min="0" max=${one.limit} value=${one.used + one.reserved} high=${one.limit * 0.8} aria-label=${`Used of ${one.scope}`}></meter>
          <small class="quiet">${amount(one.used, one.unit)} of ${amount(one.limit, one.unit)}${one.reserved ? `, ${amount(one.reserved, one.unit)} reserved` : ""}</small></li>`,
      )}
    </ul>
  <//>`;
}
