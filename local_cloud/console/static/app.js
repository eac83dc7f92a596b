// The frame: navigation, connection, theme, and the view that the address names.

import { listen, useEvents } from "./api.js";
import { Apis } from "./apis.js";
import { Functions } from "./functions.js";
import { Playground } from "./playground.js";
import { Requests } from "./requests.js";
import { Spend } from "./spend.js";
import { Storage } from "./storage.js";
import { html, link } from "./ui.js";
import { render, useEffect, useState } from "./vendor/htm-preact.js";
import { Workflows } from "./workflows.js";

const VIEWS = [
  ["apis", "APIs", Apis],
  ["playground", "Playground", Playground],
  ["requests", "Requests", Requests],
  ["workflows", "Workflows", Workflows],
  ["functions", "Functions", Functions],
  ["data", "Data", Storage],
  ["spend", "Spend", Spend],
];
const THEMES = ["auto", "light", "dark"];

function useAddress() {
  const read = () => location.hash.slice(2).split("/").filter(Boolean).map(decodeURIComponent);
  const [parts, setParts] = useState(read);
  useEffect(() => {
    const change = () => setParts(read());
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return parts;
}

function Connection() {
  const [state, setState] = useState("live");
  useEvents(["state"], setState);
  return html`<span class="connection ${state}" role="status">${state === "live" ? "live" : "not reachable"}</span>`;
}

function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return html`<button type="button" class="theme" title="Change to ${next}" onClick=${() => setTheme(next)}>Theme: ${theme}</button>`;
}

function App() {
  const [view = "apis", ...rest] = useAddress();
  const [name, title, View] = VIEWS.find(([key]) => key === view) ?? VIEWS[0];
  useEffect(() => {
    document.title = `${title} · Local cloud`;
  }, [title]);
  return html`
    <header class="bar">
      <a class="brand" href="#/apis">Local cloud</a>
      <nav aria-label="Views">
        ${VIEWS.map(([key, text]) => html`<a href=${link(key)} aria-current=${key === name ? "page" : undefined}>${text}</a>`)}
      </nav>
      <div class="foot"><${Connection} /><${Theme} /></div>
    </header>
    <main><${View} key=${name} address=${rest} /></main>`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
listen();
