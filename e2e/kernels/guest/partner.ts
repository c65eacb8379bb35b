import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** The guest with another kernel at the other end of the cable. */
export interface Partner {
  /**
   * Tells the other guest something, and gives what it tells under the same name: both go on when each has
   * what the other said. Waits as long as its test may take: who runs the guests ends one whose partner has
   * failed.
   */
  exchange(name: string, told: string): Promise<string>;
  close(): void;
}

const PORT = 9700;

/** On the addresses of the two nodes, beside what is tested. */
export function meetPartner(own: string, other: string): Partner {
  const told = new Map<string, string>();
  const read = new Set<string>();
  const server = createServer(({ url = "" }, response) => {
    const text = told.get(url);
    response.writeHead(text === undefined ? 404 : 200, { connection: "close" });
    response.end(text, () => text !== undefined && read.add(url));
  });
  server.listen(PORT, own);
  return {
    async exchange(name, text) {
      const url = `/${name}`;
      told.set(url, text);
      let answer: string | undefined;
      for (; answer === undefined || !read.has(url); await delay(100)) answer ??= await ask(other, url);
      return answer;
    },
    close: () => void server.close(),
  };
}

/** Undefined while there is no answer. */
async function ask(address: string, url: string): Promise<string | undefined> {
  const options = { headers: { connection: "close" }, signal: AbortSignal.timeout(5000) };
  const response = await fetch(`http://${address}:${PORT}${url}`, options).catch(() => undefined);
  return response?.status === 200 ? response.text() : undefined;
}
