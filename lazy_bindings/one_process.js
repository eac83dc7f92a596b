// Runs jsii's kernel in this process; see _one_process.py. It stands beside jsii's own entry, which starts a second
// process, gives that one its requests on descriptor 3, and wraps what it prints. Here the requests come on 0, the
// answers go to 1, and what is printed is wrapped for the same reader on 2.
"use strict";
const fs = require("fs");
const { Writable } = require("stream");
const ahead = require("./ahead.js");

// What jsii's entry gives the second process as an option: packages are linked to, not copied.
process.execArgv.push("--preserve-symlinks");
delete process.env.NODE_PRESERVE_SYMLINKS;

const { readSync, writeSync } = fs;
const LINE_FEED = 10;

const chunk = Buffer.alloc(1 << 20);
let received = Buffer.alloc(0);

function nextLine() {
  let [searched, end] = [0, -1];
  while ((end = received.indexOf(LINE_FEED, searched)) < 0) {
    const length = readSync(0, chunk, 0, chunk.length, null);
    if (length === 0) return undefined;
    searched = received.length;
    received = Buffer.concat([received, chunk.subarray(0, length)]);
  }
  const line = received.toString("utf-8", 0, end);
  received = received.subarray(end + 1);
  return line;
}

function answer(text) {
  const line = Buffer.from(`${text}\n`);
  for (let sent = 0; sent < line.length; ) sent += writeSync(1, line, sent);
}

let request = Buffer.alloc(0);

fs.readSync = (descriptor, ...rest) => {
  if (descriptor !== 3) return readSync(descriptor, ...rest);
  const [buffer, offset, length] = rest;
  if (!request.length) {
    const line = ahead.request(nextLine, answer);
    if (line === undefined) return 0;
    request = Buffer.from(`${line}\n`);
  }
  const copied = request.copy(buffer, offset, 0, length);
  request = request.subarray(copied);
  return copied;
};

fs.writeSync = (descriptor, ...rest) => {
  if (descriptor !== 3) return writeSync(descriptor, ...rest);
  const [buffer] = rest;
  const text = ahead.answer(buffer.toString().trimEnd());
  if (text !== undefined) answer(text);
  return buffer.length;
};

function wrapped(name) {
  const write = (chunk, _encoding, done) => {
    writeSync(2, `${JSON.stringify({ [name]: Buffer.from(chunk).toString("base64") })}\n`);
    done();
  };
  return Object.assign(new Writable({ write }), { fd: 2 });
}
for (const name of ["stdout", "stderr"]) {
  Object.defineProperty(process, name, { value: wrapped(name), configurable: true });
}

require("../lib/program.js");
