type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const SAID_ONCE = new Set(["id", "type", "format"]);

/** Merges the pieces of an `extraFieldsJson`, by the rules at `MessageDelta.extra_fields_json`. */
export class ExtraFields {
  #pieces: string[] = [];

  /** Adds the text of a JSON object; empty adds nothing. */
  add(piece: string): void {
    if (piece !== "") this.#pieces.push(piece);
  }

  /** Returns the text of the merged object: empty if there were no pieces, and unchanged if there was one. */
  text(): string {
    const [first = "", ...more] = this.#pieces;
    if (more.length === 0) return first;
    const objects = this.#pieces.map((piece) => JSON.parse(piece) as Json);
    const text = JSON.stringify(objects.reduce((before, piece) => merged(before, piece)));
    this.#pieces = [text];
    return text;
  }
}

function merged(before: Json, piece: Json, name = ""): Json {
  if (isObject(before) && isObject(piece)) {
    for (const [key, value] of Object.entries(piece)) {
      if (value !== null) define(before, key, merged(Object.hasOwn(before, key) ? before[key]! : null, value, key));
    }
    return before;
  }
  if (Array.isArray(before) && Array.isArray(piece)) {
    for (const entry of piece) mergeEntry(before, entry);
    return before;
  }
  if (typeof before === "string" && typeof piece === "string" && !SAID_ONCE.has(name)) return before + piece;
  return piece;
}

function mergeEntry(list: Json[], entry: Json): void {
  const index = isObject(entry) ? entry["index"] : undefined;
  const same = index == null ? -1 : list.findIndex((old) => isObject(old) && old["index"] === index);
  if (same >= 0) list[same] = merged(list[same]!, entry);
  else list.push(entry);
}

// Assigning to `__proto__` would set the prototype.
function define(object: { [name: string]: Json }, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
