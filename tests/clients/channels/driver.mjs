// A gRPC client that reads commands and writes events, one JSON object per line. Run by driver.py, which names the
// library and sets DESCRIPTOR, the compiled API.
import { createInterface } from "node:readline";

const { open } = await import(`./${process.argv[2]}.mjs`);
const calls = new Map();
let channel;

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

async function call({ id, ...command }) {
  const aborted = new AbortController();
  calls.set(id, aborted);
  let length = 0;
  const onText = (text) => {
    length += text.length;
    if (text) tell({ id, text: text.slice(0, 100) });
  };
  try {
    await channel.call({ ...command, signal: aborted.signal, onText });
    tell({ id, code: 0, details: "", length });
  } catch (error) {
    tell({ id, length, ...channel.read(error) });
  } finally {
    calls.delete(id);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...command } = JSON.parse(line);
  if (what === "open") {
    channel?.close();
    channel = open(command.target, command.options);
  } else if (what === "call") call(command);
  else calls.get(command.id)?.abort();
}
channel?.close();
process.exit(0);
