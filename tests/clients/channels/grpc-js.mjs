// Calls with @grpc/grpc-js. All services share one channel.
import { readFileSync } from "node:fs";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const definition = loader.loadFileDescriptorSetFromBuffer(readFileSync(process.env.DESCRIPTOR), { keepCase: true });
const api = grpc.loadPackageDefinition(definition).arouter.v1;

export function open(target, options) {
  const credentials = grpc.credentials.createInsecure();
  const channel = new grpc.Channel(target, credentials, { "grpc.use_local_subchannel_pool": 1, ...options });
  const clients = Object.fromEntries(
    ["ChatService", "ModelService"].map((name) => [
      name,
      new api[name](target, credentials, { channelOverride: channel }),
    ]),
  );

  async function call({ service, method, model, text, key, timeout, waitForReady, signal, onText }) {
    const metadata = new grpc.Metadata({ waitForReady });
    metadata.set("authorization", `Bearer ${key}`);
    const request = service === "ChatService" ? { model, messages: [{ role: "ROLE_USER", content: text }] } : {};
    const callOptions = timeout ? { deadline: Date.now() + timeout * 1000 } : {};
    const streams = api[service].service[method].responseStream;
    await new Promise((resolve, reject) => {
      const done = (error, answer) => (error ? reject(error) : resolve(onText(contentOf(answer))));
      const args = [request, metadata, callOptions, ...(streams ? [] : [done])];
      const started = clients[service][method](...args);
      signal.addEventListener("abort", () => started.cancel());
      if (streams) {
        started.on("data", (chunk) => onText(chunk.choices?.[0]?.delta?.content ?? ""));
        started.on("end", resolve);
        started.on("error", reject);
      }
    });
  }

  return { call, read, close: () => channel.close() };
}

function contentOf(answer) {
  return answer.choices?.[0].message.content ?? "";
}

function read(error) {
  return { code: error.code, details: error.details, pushback: error.metadata?.get("grpc-retry-pushback-ms")[0] };
}
