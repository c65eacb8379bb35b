import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import type { FolderObservation } from "../../diagnosis/install/check-folders.ts";

/** Owners and modes of folders, and whether their file systems can be written to. */
export function observeFolders(paths: readonly string[]): Promise<readonly FolderObservation[]> {
  return Promise.all(
    paths.map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      const isReadOnly = await access(path, constants.W_OK).then(
        () => false,
        ({ code }: NodeJS.ErrnoException) => code === "EROFS",
      );
      return { path, owner: found && { uid: found.uid, mode: found.mode & 0o7777 }, isReadOnly };
    }),
  );
}
