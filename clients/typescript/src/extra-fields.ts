type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const SAID_ONCE = new Set(["id", "type", "format"]);

/** The members of several `extraFieldsJson`; of members with the same name the latest. */
export class LatestFields {
  #members: { [name: string]: Json } = {};

  /** Adds the text of a JSON object; empty adds nothing. */
  add(text: string): void {
    if (text !== "") this.#members = { ...this.#members, ...(JSON.parse(text) as object) };
  }

  /** Returns the text of the object; empty if it has no members. */
  text(): string {
    return Object.keys(this.#members).length === 0 ? "" : JSON.stringify(this.#members);
  }
}

/** Merges the pieces of an `extraFieldsJson`, by the rules at `MessageDelta.extra_fields_json`. */
export class MergedFields {
  readonly #pieces: string[] = [];

  /** Adds the text of a JSON object; empty adds nothing. */
  add(piece: string): void {
    if (piece !== "") this.#pieces.push(piece);
  }

  /** Returns the text of the merged object: empty if there were no pieces, and unchanged if there was one. */
  text(): string {
    if (this.#pieces.length < 2) return this.#pieces.join("");
    const object = this.#pieces.reduce<Json>((before, piece) => merged(before, JSON.parse(piece) as Json), {});
    return JSON.stringify(object);
  }
}

function merged(before: Json, piece: Json, name = ""): Json {
  if (isObject(piece)) {
    const into = isObject(before) ? before : {};
    for (const [key, value] of Object.entries(piece)) {
      if (value !== null) define(into, key, merged(Object.hasOwn(into, key) ? into[key]! : null, value, key));
    }
    return into;
  }
  if (Array.isArray(piece)) {
    const into = Array.isArray(before) ? before : [];
    for (const entry of piece) mergeEntry(into, entry);
    return into;
  }
  if (typeof before === "string" && typeof piece === "string" && !SAID_ONCE.has(name)) return before + piece;
  return piece;
}

function mergeEntry(list: Json[], entry: Json): void {
  const index = isObject(entry) ? entry["index"] : undefined;
  const same = index == null ? -1 : list.findIndex((old) => isObject(old) && old["index"] === index);
  if (same >= 0) list[same] = merged(list[same]!, entry);
  else list.push(merged(null, entry));
}

// Assigning to `__proto__` would set the prototype.
function define(object: { [name: string]: Json }, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
