import { join } from "node:path";
import type { ConfigurationsObservation } from "../../diagnosis/install/check-configurations.ts";
import { type ConflistPlace, listOtherConfigurations, rivalsAmong } from "../../host/rival-conflists.ts";
import { isObject } from "../../lib/json.ts";
import { readText } from "../read-proc.ts";

export async function observeConfigurations(place: ConflistPlace): Promise<ConfigurationsObservation> {
  const names = await listOtherConfigurations(place);
  const rivals = new Set(rivalsAmong(names, place));
  const others = names.map(async (name) => {
    const path = join(place.cniConfDir, name);
    return { path, types: typesOf(await readText(path)), sortsFirst: rivals.has(path) };
  });
  return { folder: place.cniConfDir, others: await Promise.all(others) };
}

/** Types of the plugins of a conflist, or of the one of a .conf file. */
export function typesOf(text: string | undefined): readonly string[] {
  try {
    const json: unknown = JSON.parse(text ?? "");
    if (!isObject(json)) return [];
    const plugins: readonly unknown[] = Array.isArray(json["plugins"]) ? json["plugins"] : [json];
    return plugins.flatMap((plugin) =>
      isObject(plugin) && typeof plugin["type"] === "string" ? [plugin["type"]] : [],
    );
  } catch {
    return []; // damaged: it names no plugin
  }
}
