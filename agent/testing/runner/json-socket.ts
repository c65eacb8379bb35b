import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { messageOf } from "../../lib/errors.ts";

/** Sends a request to the unix socket, one a connection, and gives the answer. */
export function exchange(path: string, request: string): Promise<Buffer> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(request);
  return buffer(socket);
}

/** The same with JSON; throws what the other side threw. */
export async function askSocket(path: string, request: object): Promise<object> {
  const answer = JSON.parse((await exchange(path, JSON.stringify(request))).toString()) as object;
  if ("error" in answer) throw new Error(String(answer.error));
  return answer;
}

/** Answers such requests. */
export async function answerSocket(
  path: string,
  answer: (request: object) => Promise<object>,
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    text(socket)
      .then((request) => answer(JSON.parse(request) as object))
      .then(
        (result) => socket.end(JSON.stringify(result)),
        (error: unknown) => socket.end(JSON.stringify({ error: messageOf(error) })),
      );
  });
  server.listen(path);
  await once(server, "listening");
  return server;
}
