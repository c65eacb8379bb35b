/**
 * Takes the place of node:http in the bundle (see bundle.ts). An ECMAScript import of node:http reads all its exports, one of which
 * loads the WebSocket of Node.js: 13 MB of memory and 40 ms for what nobody uses.
 */
module.exports = process.getBuiltinModule("node:http");
