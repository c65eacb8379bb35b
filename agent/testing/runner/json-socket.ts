import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { messageOf } from "../../lib/errors.ts";

/** Sends one JSON request to the unix socket and gives the answer; throws what the other side threw. */
export async function askSocket(path: string, request: object): Promise<object> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(JSON.stringify(request));
  const answer = JSON.parse(await text(socket)) as object;
  if ("error" in answer) throw new Error(String(answer.error));
  return answer;
}

/** Answers requests on a unix socket, one a connection. */
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
