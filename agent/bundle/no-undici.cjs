/**
 * Takes the place of undici in the bundle (see bundle.ts), where it would be half of the text and a twentieth of the agent's memory. Of client-node the
 * agent uses the options for node:https, which do without; what needs undici there says so.
 */
function missing() {
  throw new Error("Cannot use undici: it is not in the agent's bundle");
}

module.exports = { Agent: missing, ProxyAgent: missing, fetch: missing };
