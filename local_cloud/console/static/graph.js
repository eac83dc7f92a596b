// The graph of a state machine: dagre places the states; Parallel and Map states hold graphs of their own.

import { Graph, layout } from "./vendor/dagre.js";
import { html } from "./ui.js";
import { useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";

const HEIGHT = 34;
const HEADER = 28;
const PADDING = 12;
const SMALLEST_ZOOM = 0.6;
const ICONS = { Task: "▸", Choice: "◇", Parallel: "⇉", Map: "≡", Pass: "→", Wait: "◷", Succeed: "✓", Fail: "✕" };

const canvas = document.createElement("canvas").getContext("2d");

function textWidth(text) {
  canvas.font = "13px system-ui, sans-serif";
  return canvas.measureText(text).width;
}

function transitions(state) {
  const to = [];
  if (state.Next) to.push([state.Next, ""]);
  for (const choice of state.Choices ?? []) to.push([choice.Next, ""]);
  if (state.Default) to.push([state.Default, state.Choices ? "otherwise" : ""]);
  for (const handler of state.Catch ?? []) to.push([handler.Next, "catch"]);
  return to;
}

function inner(state) {
  if (state.Type === "Parallel") return state.Branches;
  if (state.Type === "Map") return [state.ItemProcessor ?? state.Iterator];
  return [];
}

/** Place the states of a machine, a branch or an iteration. Returns its size, nodes and edges, from its top left. */
function place(machine) {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 30, marginx: PADDING, marginy: PADDING });
  graph.setDefaultEdgeLabel(() => ({}));
  const parts = {};
  for (const [name, state] of Object.entries(machine.States)) {
    const graphs = inner(state).map(place);
    const width = Math.max(96, Math.min(240, textWidth(name) + 72), graphs.reduce((sum, one) => sum + one.width, 0));
    const height = graphs.length ? HEADER + Math.max(...graphs.map((one) => one.height)) : HEIGHT;
    parts[name] = graphs;
    graph.setNode(name, { width, height });
  }
  for (const [name, state] of Object.entries(machine.States))
    transitions(state).forEach(([to, kind], index) => graph.setEdge(name, to, { kind }, `${index}`));
  layout(graph);
  const nodes = [];
  const edges = graph.edges().map((edge) => graph.edge(edge)).map(({ points, kind }) => ({ points, kind }));
  for (const [name, state] of Object.entries(machine.States)) {
    const { x, y, width, height } = graph.node(name);
    const left = x - width / 2;
    const top = y - height / 2;
    nodes.push({ name, type: state.Type, left, top, width, height, isStart: name === machine.StartAt, holds: parts[name].length > 0 });
    let at = left + (width - parts[name].reduce((sum, one) => sum + one.width, 0)) / 2;
    for (const part of parts[name]) {
      nodes.push(...part.nodes.map((node) => ({ ...node, left: node.left + at, top: node.top + top + HEADER })));
      edges.push(...part.edges.map((edge) => ({ ...edge, points: edge.points.map((point) => ({ x: point.x + at, y: point.y + top + HEADER })) })));
      at += part.width;
    }
  }
  const { width, height } = graph.graph();
  return { width, height, nodes, edges };
}

const placed = new Map();

function placedOnce(definition) {
  const key = JSON.stringify(definition);
  if (!placed.has(key)) placed.set(key, place(definition));
  return placed.get(key);
}

function path(points) {
  const [first, ...rest] = points;
  let text = `M${first.x},${first.y}`;
  for (let index = 0; index < rest.length - 1; index++) {
    const middle = { x: (rest[index].x + rest[index + 1].x) / 2, y: (rest[index].y + rest[index + 1].y) / 2 };
    text += `Q${rest[index].x},${rest[index].y} ${middle.x},${middle.y}`;
  }
  const last = rest.at(-1);
  return `${text}L${last.x},${last.y}`;
}

/** What became of each state, by its name: the state that matters most of all its visits, and how many there were. */
export function outcomes(rows) {
  const order = ["succeeded", "caught", "aborted", "failed", "timed out", "running"];
  const found = {};
  for (const row of rows ?? []) {
    const entry = (found[row.state] ??= { outcome: row.outcome, visits: 0 });
    entry.visits += 1;
    if (order.indexOf(row.outcome) > order.indexOf(entry.outcome)) entry.outcome = row.outcome;
  }
  return found;
}

export function StateGraph({ definition, rows, chosen, onChoose }) {
  const { width, height, nodes, edges } = placedOnce(definition);
  const became = outcomes(rows);
  const frame = useRef(null);
  const [zoom, setZoom] = useState(1);
  useLayoutEffect(() => {
    const fit = () => setZoom(Math.max(SMALLEST_ZOOM, Math.min(1, frame.current.clientWidth / width)));
    const observer = new ResizeObserver(fit);
    observer.observe(frame.current);
    fit();
    return () => observer.disconnect();
  }, [width]);
  return html`<div class="graph" ref=${frame} tabindex="0" role="group" aria-label="States">
    <div class="canvas" style=${{ width: `${width}px`, height: `${height}px`, zoom }}>
      ${nodes.map((node) => {
        const { outcome = rows ? "unvisited" : "", visits } = became[node.name] ?? {};
        const size = { left: `${node.left}px`, top: `${node.top}px`, width: `${node.width}px`, height: `${node.height}px` };
        const times = visits > 1 ? ` ×${visits}` : "";
        const label = `${node.name}${times}, ${node.type}${outcome ? `, ${outcome}` : ""}`;
        return html`<button type="button" key=${node.name} class="node ${node.holds ? "holds" : ""} ${outcome.replace(" ", "-")}" style=${size} aria-label=${label} aria-pressed=${node.name === chosen} onClick=${() => onChoose(node.name)}>
          <i aria-hidden="true">${ICONS[node.type]}</i><span>${node.name}</span>${times && html`<small>${times}</small>`}
        </button>`;
      })}
      <svg width=${width} height=${height} aria-hidden="true">
        <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0.5L8,4L0,7.5Z" /></marker></defs>
        ${edges.map((edge) => html`<path class=${edge.kind} d=${path(edge.points)} marker-end="url(#arrow)" />`)}
      </svg>
    </div>
  </div>`;
}
