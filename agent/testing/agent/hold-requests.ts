/**
 * Listens on a socket, answers nobody until its standard input ends, and everybody from then on. Prints what
 * it holds and what was refused.
 * usage: node hold-requests.ts SOCKET
 */
import { loadNative } from "../../kernel/socket/native.ts";
import { echo, type Request } from "../../native/test/serve.ts";

const [path = ""] = process.argv.slice(2);
const native = loadNative();
let held: Request[] | undefined = [];

function answer(request: Request): void {
  native.reply(request.connection, echo(request));
  for (const fd of request.fds) native.close(fd);
}

process.stdin.resume().once("end", () => {
  const requests = held ?? [];
  held = undefined;
  requests.forEach(answer);
});
native.listen(path, {
  onRequest(connection, frame, fds) {
    const request = { connection, frame: Buffer.from(frame), fds };
    if (held === undefined) return answer(request);
    held.push(request);
    process.stdout.write("held\n");
  },
  onRefused: (reason) => process.stdout.write(`refused: ${reason}\n`),
});
process.stdout.write("listening\n");
