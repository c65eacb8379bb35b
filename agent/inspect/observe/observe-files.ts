import { constants } from "node:fs";
import { access, lstat, readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { ShimObservation } from "../../diagnosis/agent/check-shim.ts";
import type { SocketState, StaleFilesObservation } from "../../diagnosis/agent/check-stale-files.ts";
import { readFileIfThere } from "../../lib/files.ts";
import { PLUGIN_TYPE } from "../../plan/node/conflist.ts";
import { shippedFile } from "../../lib/shipped.ts";
import { readText } from "../read-proc.ts";

export interface HostPaths {
  readonly socket: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly cniConfName: string;
}

/** The variable that a shim puts into its frames, with its version (docs/protocol.md). */
const SHIM_VERSION = /CAUSEWAY_SHIM_VERSION=([\w.+-]+)/;

export async function observeShim({ cniBinDir }: HostPaths): Promise<ShimObservation> {
  const path = join(cniBinDir, PLUGIN_TYPE);
  const shippedPath = shippedFile("bin/causeway").pathname;
  const [installed, shipped] = await Promise.all([readFileIfThere(path), readFileIfThere(shippedPath)]);
  return {
    path,
    installed: installed && {
      version: versionOf(installed),
      isExecutable: await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ),
      isShipped: shipped?.equals(installed) === true,
    },
    shippedPath,
    shippedVersion: shipped && versionOf(shipped),
  };
}

function versionOf(shim: Buffer): string | undefined {
  return SHIM_VERSION.exec(shim.toString("latin1"))?.[1];
}

/** As `writeFileAtomic` names its temporary files. */
const TEMPORARY = /^\..*\.causeway-tmp$/;

export async function observeStaleFiles(paths: HostPaths): Promise<StaleFilesObservation> {
  const { socket, cniBinDir, cniConfDir, cniConfName } = paths;
  const temporaries = await Promise.all(
    [cniBinDir, cniConfDir].map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      return names.filter((name) => TEMPORARY.test(name)).map((name) => join(folder, name));
    }),
  );
  return {
    socket: { path: socket, state: await socketState(socket) },
    conflist: await observeConflist(join(cniConfDir, cniConfName)),
    temporaries: temporaries.flat(),
  };
}

async function observeConflist(path: string): Promise<StaleFilesObservation["conflist"]> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const socket = socketOf(text);
  return { path, socket, state: socket === undefined ? undefined : await socketState(socket) };
}

function socketOf(conflist: string): string | undefined {
  try {
    const { plugins } = JSON.parse(conflist) as {
      plugins?: readonly { readonly type?: unknown; readonly socket?: unknown }[];
    };
    const socket = plugins?.find(({ type }) => type === PLUGIN_TYPE)?.socket;
    return typeof socket === "string" ? socket : undefined;
  } catch {
    return undefined; // damaged: it names no socket
  }
}

/** A connection that says nothing and ends is no request: the agent forgets it. */
async function socketState(path: string): Promise<SocketState> {
  const file = await lstat(path).catch(() => undefined);
  if (file === undefined) return "missing";
  if (!file.isSocket()) return "not a socket";
  return new Promise((resolve) => {
    const connection = connect(path);
    connection.once("connect", () => {
      connection.destroy();
      resolve("listening");
    });
    // EAGAIN: somebody listens and is busy.
    connection.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code === "ECONNREFUSED" ? "nothing listens" : "listening"),
    );
  });
}
