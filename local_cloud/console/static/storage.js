// Tables, buckets and queues, read only.

import { useContent } from "./api.js";
import { Code, Empty, Failed, Loading, Section, Split, html, link, shortName } from "./ui.js";

const KINDS = [["tables", "Tables", "item"], ["buckets", "Buckets", "object"], ["queues", "Queues", "message"]];

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export function Storage({ address }) {
  const [storage, error] = useContent("storage", ["change", "execution"]);
  if (error) return html`<${Failed} error=${error} />`;
  if (!storage) return html`<${Split} title="Data" list=${html`<${Loading} />`} />`;
  const [kind, region, name] = address;
  const chosen = storage[kind]?.find((one) => one.name === name && one.region === region);
  const list = KINDS.map(([key, title, noun]) => {
    const names = storage[key].map((one) => one.name);
    return html`<h2 class="group">${title}</h2>
      <ul class="rows">
        ${storage[key].map(
          (one) => html`<li>
            <a href=${link("data", key, one.region, one.name)} aria-current=${one === chosen ? "true" : undefined}>
              <span class="grow">${shortName(one.name, names)}</span><span class="when">${counted(one.items, noun)}</span>
            </a>
          </li>`,
        )}
        ${!names.length && html`<li class="quiet pad small">None.</li>`}
      </ul>`;
  });
  return html`<${Split} title="Data" list=${list} chosen=${chosen} back="#/data">
    ${chosen
      ? html`<${Contents} key=${kind + name} kind=${kind} one=${chosen} noun=${KINDS.find(([key]) => key === kind)[2]} />`
      : html`<${Empty} title="Read only">Open a table, a bucket or a queue to see what is in it. Looking at a message does not receive it.<//>`}
  <//>`;
}

function Contents({ kind, one, noun }) {
  const [items, error] = useContent(`storage/${kind}/${encodeURIComponent(one.name)}?region=${one.region}`, ["change"]);
  return html`
    <div class="heading"><h2>${one.name}</h2></div>
    <p class="summary">${counted(one.items, noun)}${one.in_flight ? `, ${one.in_flight} in flight` : ""}${one.keys ? ` by ${one.keys.join(", ")}` : ""} · ${one.region}</p>
    ${error && html`<${Failed} error=${error} />`}
    ${items && !items.length && html`<p class="quiet">Empty.</p>`}
    ${(items ?? []).map((item) => html`<${Section} title=${item.name || title(one, item)}><${Code} text=${JSON.stringify(plain(item.content))} label="Content" /><//>`)}`;
}

const title = (one, item) => (one.keys ?? []).map((key) => plain(item.content[key])).join(" · ");

/** A DynamoDB attribute, or a map of them, as plain JSON. */
function plain(value) {
  if (value === null || typeof value !== "object") return value;
  const [[type, content] = [], ...more] = Object.entries(value);
  if (!more.length)
    switch (type) {
      case "S": case "BOOL": case "SS": case "B": return content;
      case "N": return Number(content);
      case "NS": return content.map(Number);
      case "NULL": return null;
      case "L": return content.map(plain);
      case "M": return plain(content);
    }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
