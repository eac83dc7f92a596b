// Does what was sent ahead (see _ahead.py) and answers nothing; what went wrong of it is the answer to the next request
// that is waited for, in that request's place.
//
// A line "+NAME REQUEST" is a request that nobody waits for. NAME is what Python calls the object that it makes;
// everywhere else the kernel's own reference is put in its place, and back. Without a NAME nobody needs to know what
// came of it.
"use strict";

const references = new Map(); // the kernel's, by Python's name
const names = new Map(); // the reverse
const unmade = new Map(); // why an object was not made, by name
const failures = [];
let current = null; // the name in the request ahead that the kernel is at
let interrupted = null; // what the kernel is told in place of the next request

const REFERENCE = /("\$jsii\.byref": ?)"([^"]+)"/g;
const translated = (text, table) =>
  text.replace(REFERENCE, (all, key, name) => (table.has(name) ? `${key}"${table.get(name)}"` : all));

function missing(text) {
  if (unmade.size)
    for (const [, , name] of text.matchAll(REFERENCE)) if (unmade.has(name)) return unmade.get(name);
  return undefined;
}

// What the kernel reads next: the first line of `next()` that is not answered here, by `answer`.
exports.request = function (next, answer) {
  if (interrupted !== null) {
    const told = interrupted;
    interrupted = null;
    return told;
  }
  for (;;) {
    const line = next();
    if (line === undefined) return undefined;
    if (line[0] === "+") {
      const end = line.indexOf(" ");
      const [name, text] = [line.slice(1, end), line.slice(end + 1)];
      const why = missing(text);
      if (why === undefined) {
        current = name;
        return translated(text, references);
      }
      unmade.set(name, why);
    } else if (!/"api": "/.test(line) || /"api": "(load|complete)"/.test(line)) {
      return translated(line, references);
    } else if (failures.length) {
      answer(failures.shift());
    } else {
      const why = missing(line);
      if (why === undefined) return translated(line, references);
      answer(JSON.stringify({ error: why, name: "@jsii/kernel.Fault", stack: "" }));
    }
  }
};

// What Python is told when the kernel answers `text`; undefined: nothing.
exports.answer = function (text) {
  if (current === null) return translated(text, names);
  const answer = JSON.parse(text);
  if ("callback" in answer) {
    const err = "jsii asked Python for something while it did what it was to do without Python";
    interrupted = JSON.stringify({ complete: { cbid: answer.callback.cbid, err, name: "@jsii/kernel.Fault" } });
    return undefined;
  }
  const name = current;
  current = null;
  if (!name) return undefined;
  if ("error" in answer) {
    failures.push(JSON.stringify({ ...answer, ahead: name }));
    unmade.set(name, `${name} was not made: ${answer.error}`);
  } else if ("$jsii.byref" in answer.ok) {
    const reference = answer.ok["$jsii.byref"];
    references.set(name, reference);
    names.set(reference, name);
  }
  return undefined;
};
