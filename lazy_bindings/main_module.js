"use strict";
/*
 * The main module of a repacked provider package, in place of one that requires all 2,212 namespaces: it
 * requires a namespace when that is first read. It lists the namespaces of the whole provider, because it
 * stays in memory when the package around it is replaced by the one that has them all.
 */
const { names, folders } = require("./namespaces.json");

function define(target, name) {
    const row = Object.hasOwn(target, name) ? -1 : names.indexOf(name);
    if (row !== -1) {
        const value = require(`./${folders[row]}`);
        Object.defineProperty(target, name, { configurable: true, enumerable: true, value });
    }
}

Object.defineProperty(exports, "__esModule", { value: true });
module.exports = new Proxy(exports, {
    get(target, name) {
        define(target, name);
        return target[name];
    },
    getOwnPropertyDescriptor(target, name) {
        define(target, name);
        return Object.getOwnPropertyDescriptor(target, name);
    },
    has: (target, name) => name in target || names.includes(name),
    ownKeys(target) {
        names.forEach((name) => define(target, name));
        return Reflect.ownKeys(target);
    },
});
