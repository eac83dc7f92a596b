// Runs jsii's kernel in this process; see _background.py. It stands beside jsii's own entry, which starts a second
// process, gives that one its requests on descriptor 3, and wraps what it prints. Here the requests come on 0, the
// answers go to 1, and what is printed is wrapped for the same reader on 2.
"use strict";
const fs = require("fs");
const { Writable } = require("stream");

// What jsii's entry gives the second process as an option: packages are linked to, not copied.
process.execArgv.push("--preserve-symlinks");
delete process.env.NODE_PRESERVE_SYMLINKS;

const { readSync, writeSync } = fs;
fs.readSync = (descriptor, ...rest) => readSync(descriptor === 3 ? 0 : descriptor, ...rest);
fs.writeSync = (descriptor, ...rest) => writeSync(descriptor === 3 ? 1 : descriptor, ...rest);

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
